//! Wrappers that every store gets: limits, time-outs, retries, resumption and the circuit breaker.
