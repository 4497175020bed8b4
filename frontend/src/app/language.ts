/** Whether a text is a language tag that Intl takes. */
function isLanguage(tag: unknown): boolean {
  try {
    return typeof tag === 'string' && Intl.getCanonicalLocales(tag).length === 1
  } catch {
    return false
  }
}

/**
 * Gives the browser a language that Intl takes, where it reports another text: WebKitGTK under LANG=C reports `C`, and
 * some report ''. A library that is loaded later may hand that text to Intl, and fail.
 */
export function mendLanguage(browser: Navigator = navigator): void {
  if (isLanguage(browser.language)) return
  const language = new Intl.NumberFormat().resolvedOptions().locale
  Object.defineProperty(browser, 'language', { configurable: true, get: () => language })
  Object.defineProperty(browser, 'languages', { configurable: true, get: () => [language] })
}
