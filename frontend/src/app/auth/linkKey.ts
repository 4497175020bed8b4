import { takeKey } from './fragment'

/** The key the page was opened with. main.tsx imports this first, so the URL is clean before anything runs. */
export const linkKey = takeKey(window)
