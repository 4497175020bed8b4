/** A query that the stream keeps up to date never refetches by itself: the connection or the poll says when. */
export const FOLLOWED = {
  staleTime: Infinity,
  refetchInterval: false,
  refetchOnWindowFocus: false,
  refetchOnReconnect: false,
  networkMode: 'always',
} as const
