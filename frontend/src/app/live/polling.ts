/** Milliseconds between polls, where there is no connection. */
export const POLL_MS = 10_000

/** What decides whether the page polls. */
export interface PollConditions {
  signedIn: boolean
  connected: boolean
  paused: boolean
}

/** Polling stands in for the connection, and only while there is none. */
export function shouldPoll({ signedIn, connected, paused }: PollConditions): boolean {
  return signedIn && !connected && !paused
}
