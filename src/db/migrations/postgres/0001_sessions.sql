-- Browser sessions. Times are milliseconds since 1970; `sealed` is ciphertext.
CREATE TABLE sessions (
    id_hash        BYTEA  NOT NULL PRIMARY KEY,
    issuer         TEXT   NOT NULL,
    subject        TEXT   NOT NULL,
    idp_session    TEXT,
    sealed         BYTEA  NOT NULL,
    version        BIGINT NOT NULL,
    created_at     BIGINT NOT NULL,
    last_active_at BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL
);
CREATE INDEX sessions_by_person ON sessions (issuer, subject, created_at);
CREATE INDEX sessions_by_idp_session ON sessions (issuer, idp_session);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
CREATE INDEX sessions_by_activity ON sessions (last_active_at);

-- Logins under way, between the redirect to the identity provider and the way back.
CREATE TABLE login_flows (
    state_hash BYTEA  NOT NULL PRIMARY KEY,
    sealed     BYTEA  NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX login_flows_by_expiry ON login_flows (expires_at);

-- Tokens that count once, until they expire.
CREATE TABLE used_tokens (
    issuer     TEXT   NOT NULL,
    jti        TEXT   NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (issuer, jti)
);
CREATE INDEX used_tokens_by_expiry ON used_tokens (expires_at);
