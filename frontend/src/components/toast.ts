import { createContext, useContext } from 'react'

/** Says something: what was done, in passing, or what failed (`error`), until it is dismissed. */
export type Say = (text: string, tone?: 'done' | 'error') => void

export const ToastContext = createContext<Say>(() => undefined)

export const useToast = (): Say => useContext(ToastContext)
