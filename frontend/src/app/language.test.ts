import { expect, it } from 'vitest'
import { mendLanguage } from './language'

/** A browser whose language is read where browsers have it: on the prototype. */
const browser = (language: unknown) =>
  Object.create({
    get language() {
      return language
    },
  }) as Navigator

it.each(['C', '', 'en-US@posix', 'en_US.UTF-8', undefined, null])(
  'a browser that reports %s gets a language that Intl takes',
  (reported) => {
    const mended = browser(reported)
    mendLanguage(mended)
    expect(new Intl.NumberFormat(mended.language).format(1)).toBe('1')
    expect(mended.languages).toEqual([mended.language])
  },
)

it('a browser keeps a language that Intl takes', () => {
  const kept = browser('de-CH-1996')
  mendLanguage(kept)
  expect(kept.language).toBe('de-CH-1996')
  expect(Object.hasOwn(kept, 'language')).toBe(false)
})
