import { useCallback } from 'react'
import { useToast } from './toast'

/** Puts a text on the clipboard and says so. */
export function useCopy(): (text: string, what: string) => void {
  const say = useToast()
  return useCallback(
    (text, what) => {
      // Without https, other than on localhost, a browser has no clipboard to offer.
      const clipboard = navigator.clipboard as Clipboard | undefined
      if (!clipboard) return say('Copying needs https: select the text and copy it by hand.', 'error')
      clipboard.writeText(text).then(
        () => say(`${what} copied`),
        () => say('The browser did not allow copying: select the text and copy it by hand.', 'error'),
      )
    },
    [say],
  )
}
