/** Milliseconds between polls, where there is no connection. */
export const POLL_MS = 10_000
