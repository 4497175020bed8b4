import { Component } from 'react'
import type { ErrorInfo, ReactNode } from 'react'
import { TriangleAlert } from 'lucide-react'
import { Button } from './ui/Button'
import { Notice } from './ui/Notice'

interface PageBoundaryProps {
  /** Another page begins anew. */
  page: string
  children: ReactNode
}

interface State {
  failedOn: string | null
}

/** Keeps a fault of one page from taking navigation, connection and all others with it. */
export class PageBoundary extends Component<PageBoundaryProps, State> {
  override state: State = { failedOn: null }

  override componentDidCatch(error: unknown, info: ErrorInfo): void {
    console.error('A page failed', error, info.componentStack)
    this.setState({ failedOn: this.props.page })
  }

  static getDerivedStateFromError(): Partial<State> {
    return { failedOn: '' }
  }

  static getDerivedStateFromProps({ page }: PageBoundaryProps, { failedOn }: State): Partial<State> | null {
    return failedOn && failedOn !== page ? { failedOn: null } : null
  }

  override render(): ReactNode {
    if (this.state.failedOn === null) return this.props.children
    return (
      <div role="alert">
        <Notice icon={<TriangleAlert size={24} aria-hidden />} title="This page has failed">
          <p>The fault is the page’s own; nothing is lost. The browser’s console has the details.</p>
          <Button onClick={() => this.setState({ failedOn: null })}>Try again</Button>
        </Notice>
      </div>
    )
  }
}
