const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu

/**
 * A name as it is shown. The server refuses control and format characters in names, which make "evil" look like
 * "live"; what was stored before it did is shown with them spelled out.
 */
export const shownName = (name: string): string =>
  name.replace(UNSEEN, (c) => {
    const code = c.codePointAt(0) ?? 0
    return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`
  })

/** What an endpoint is called. */
export const endpointName = (e: { description: string; url: string }): string =>
  shownName(e.description || e.url)
