import type { ComponentProps } from 'react'
import styles from './Button.module.css'

interface Look {
  tone?: 'plain' | 'primary' | 'danger' | 'quiet'
  /** Only an icon: give it an aria-label. */
  icon?: boolean
}

/** The class names of a button, for links that look like one. */
export function buttonClass({ tone = 'plain', icon = false }: Look): string {
  return [styles.button, tone === 'plain' ? '' : styles[tone], icon ? styles.icon : '']
    .filter(Boolean)
    .join(' ')
}

export function Button({
  tone = 'plain',
  icon = false,
  className = '',
  ...rest
}: Look & ComponentProps<'button'>) {
  return <button type="button" className={`${buttonClass({ tone, icon })} ${className}`} {...rest} />
}
