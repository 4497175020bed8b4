import { createContext, useContext } from 'react'

/** Says something in passing: what was done, or what failed (`error`). */
export type Say = (text: string, tone?: 'done' | 'error') => void

export const ToastContext = createContext<Say>(() => undefined)

export const useToast = (): Say => useContext(ToastContext)
