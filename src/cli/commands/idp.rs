//! `logboom idp doctor`: what is wrong between this service and its identity providers.

use std::io::Read;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::authn::doctor::token::{self, TokenReport};
use crate::authn::doctor::{self, Finding, Level};
use crate::authn::options::ProviderOptions;
use crate::cli::ConfigFile;
use crate::cli::commands::serve::runtime;
use crate::cli::error::{CliError, Kind};
use crate::cli::printer::Printer;
use crate::config::Config;
use crate::domain::secret::Secret;
use crate::domain::time::SystemClock;

/// The longest text that is read as a token, in bytes.
const MAX_TOKEN_BYTES: u64 = 1024 * 1024;

/// Commands about identity providers.
#[derive(Debug, clap::Subcommand)]
pub enum Idp {
    /// Asks the identity providers, looks at a test token, and names what is wrong.
    #[command(after_help = HELP)]
    Doctor(Arguments),
}

const HELP: &str = "\
A test token, for --token:
  access token  ask the provider's token endpoint as a program would, for example
                curl -u CLIENT:SECRET -d grant_type=client_credentials -d scope=SCOPE TOKEN_ENDPOINT | jq -r .access_token
  ID token      most providers show one in the application's own test page; it shows what a login is taken for
The token is read from standard input alone, never from the command line, and is printed nowhere; its claims are.

Exit codes: 0 all is well, 3 the configuration is wrong, 4 a problem was found.";

/// What to look at.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
    /// One identity provider by its name; all when absent.
    #[arg(long, value_name = "NAME")]
    idp: Option<String>,
    /// Reads a test token from standard input and shows its claims beside what they are taken for.
    #[arg(long, value_name = "-", value_parser = ["-"])]
    token: Option<String>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// What was found at one provider.
struct Report<'a> {
    provider: &'a ProviderOptions,
    findings: Vec<Finding>,
    token: Option<TokenReport>,
}

/// Runs the command.
pub fn run(command: &Idp, printer: &Printer) -> Result<(), CliError> {
    let Idp::Doctor(arguments) = command;
    let config = Config::load(Some(&arguments.file.config))?;
    let chosen = chosen(&config.identity.options.providers, arguments.idp.as_deref())?;
    let token = arguments.token.as_ref().map(|_| read_token()).transpose()?;
    let reports = runtime()?.block_on(examine(&chosen, token.as_ref()));
    let text = if arguments.json { as_json(&reports) } else { as_text(&reports) };
    printer.data(&text)?;
    let problems = reports.iter().flat_map(all).filter(|finding| finding.level == Level::Problem).count();
    match problems {
        0 => Ok(()),
        1 => Err(CliError::found("1 problem was found")),
        more => Err(CliError::found(format!("{more} problems were found"))),
    }
}

fn chosen<'a>(all: &'a [ProviderOptions], name: Option<&str>) -> Result<Vec<&'a ProviderOptions>, CliError> {
    let chosen: Vec<_> = all.iter().filter(|one| name.is_none_or(|name| one.name == name)).collect();
    if !chosen.is_empty() {
        return Ok(chosen);
    }
    let names: Vec<_> = all.iter().map(|one| one.name.as_str()).collect();
    let message = "no identity provider bears this name".to_owned();
    Err(CliError { kind: Kind::Usage, message, hints: vec![format!("configured are {}", names.join(", "))] })
}

fn read_token() -> Result<Secret<String>, CliError> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(MAX_TOKEN_BYTES).read_to_string(&mut text);
    let text = Secret::new(text);
    read.map_err(|error| CliError::failed(&error).hint("the token is expected on standard input"))?;
    Ok(text)
}

/// The token is looked at once, with the provider whose issuer it claims, or else with the first.
async fn examine<'a>(chosen: &[&'a ProviderOptions], token: Option<&Secret<String>>) -> Vec<Report<'a>> {
    let mut reports = Vec::new();
    let claimed = token.and_then(token::claimed_issuer);
    let its = chosen.iter().position(|one| Some(&one.address.issuer) == claimed.as_ref()).unwrap_or(0);
    for (place, provider) in chosen.iter().copied().enumerate() {
        let findings = doctor::examine(provider).await;
        let token = match token.filter(|_| place == its) {
            Some(text) => Some(token::examine(provider, text, Arc::new(SystemClock)).await),
            None => None,
        };
        reports.push(Report { provider, findings, token });
    }
    reports
}

fn all<'a>(report: &'a Report<'_>) -> impl Iterator<Item = &'a Finding> {
    report.findings.iter().chain(report.token.iter().flat_map(|token| &token.findings))
}

fn as_text(reports: &[Report<'_>]) -> String {
    let mut text = String::new();
    for report in reports {
        line(&mut text, &format!("{}  {}", report.provider.name, report.provider.address.issuer));
        report.findings.iter().for_each(|finding| finding_text(&mut text, finding));
        let Some(token) = &report.token else { continue };
        line(&mut text, "\ntest token");
        token.findings.iter().for_each(|finding| finding_text(&mut text, finding));
        if let Some(claims) = &token.claims {
            line(&mut text, "\nclaims in the token");
            for (name, value) in claims {
                line(&mut text, &format!("  {} = {}", plain(name), plain(&value.to_string())));
            }
            line(&mut text, "\nwhat they are taken for");
            for mapped in &token.mapped {
                let here = mapped.here.as_deref().unwrap_or("refused");
                let (raw, claim) = (plain(&mapped.raw.to_string()), plain(&mapped.claim));
                line(&mut text, &format!("  {:<9}  {claim} = {raw}  →  {}", mapped.meaning, plain(here)));
            }
        }
    }
    text
}

fn finding_text(text: &mut String, finding: &Finding) {
    line(text, &format!("  {:<7}  {:<12}  {}", finding.level, finding.check, plain(&finding.message)));
    if let Some(hint) = &finding.hint {
        line(text, &format!("  {:<7}  {:<12}  {}", "", "", plain(hint)));
    }
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

/// What a provider wrote cannot move the cursor of a terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn as_json(reports: &[Report<'_>]) -> String {
    let providers: Vec<_> = reports.iter().map(report_json).collect();
    format!("{:#}\n", json!({ "providers": providers }))
}

fn report_json(report: &Report<'_>) -> Value {
    json!({
        "name": report.provider.name,
        "issuer": report.provider.address.issuer,
        "findings": findings_json(&report.findings),
        "token": report.token.as_ref().map(token_json),
    })
}

fn token_json(token: &TokenReport) -> Value {
    let mapped = token
        .mapped
        .iter()
        .map(|one| json!({"meaning": one.meaning, "claim": one.claim, "raw": one.raw, "here": one.here}));
    json!({
        "findings": findings_json(&token.findings),
        "claims": token.claims,
        "mapped": mapped.collect::<Vec<_>>(),
    })
}

fn findings_json(findings: &[Finding]) -> Vec<Value> {
    let one = |finding: &Finding| json!({"level": finding.level.to_string(), "check": finding.check, "message": finding.message, "hint": finding.hint});
    findings.iter().map(one).collect()
}
