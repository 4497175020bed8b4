import { exact, moment } from '../app/format'

/** A time in the reader's zone; exact on hover. */
export function Moment({ at }: { at: string }) {
  return (
    <time dateTime={at} title={exact(at)}>
      {moment(at)}
    </time>
  )
}
