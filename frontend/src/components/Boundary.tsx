import { Component } from 'react'
import type { ErrorInfo, ReactNode } from 'react'
import { TriangleAlert } from 'lucide-react'
import { PartError, retryParts } from './part'
import { Button } from './ui/Button'
import { Notice } from './ui/Notice'

interface BoundaryProps {
  /** What is in it, as its reader would say: "page", "chart". */
  what: string
  /** What is shown in it: something else begins anew. */
  name: string
  /** It can be done without: closes it. */
  onClose?: () => void
  children: ReactNode
}

interface State {
  failedOn: string | null
  isUnloaded: boolean
}

const WELL: State = { failedOn: null, isUnloaded: false }

/** Keeps a fault of one part from taking navigation, connection and all other parts with it. */
export class Boundary extends Component<BoundaryProps, State> {
  override state: State = WELL

  override componentDidCatch(error: unknown, info: ErrorInfo): void {
    console.error(`A ${this.props.what} failed`, error, info.componentStack)
    this.setState({ failedOn: this.props.name })
  }

  static getDerivedStateFromError(error: unknown): Partial<State> {
    return { failedOn: '', isUnloaded: error instanceof PartError }
  }

  static getDerivedStateFromProps({ name }: BoundaryProps, { failedOn }: State): Partial<State> | null {
    return failedOn && failedOn !== name ? WELL : null
  }

  private readonly close = (): void => {
    retryParts()
    this.setState(WELL)
    this.props.onClose?.()
  }

  override render(): ReactNode {
    if (this.state.failedOn === null) return this.props.children
    const { what } = this.props
    const again = () => {
      retryParts()
      this.setState(WELL)
    }
    const close = this.props.onClose && <Button onClick={this.close}>Close</Button>
    return (
      <div role="alert">
        {this.state.isUnloaded ? (
          <Notice icon={<TriangleAlert size={24} aria-hidden />} title={`This ${what} could not be loaded`}>
            <p>The server is out of reach, or was upgraded since this page was opened.</p>
            <Button onClick={again}>Try again</Button>
            <Button onClick={() => window.location.reload()}>Reload the page</Button>
            {close}
          </Notice>
        ) : (
          <Notice icon={<TriangleAlert size={24} aria-hidden />} title={`This ${what} has failed`}>
            <p>The fault is the {what}’s own; nothing is lost. The browser’s console has the details.</p>
            <Button onClick={again}>Try again</Button>
            {close}
          </Notice>
        )}
      </div>
    )
  }
}
