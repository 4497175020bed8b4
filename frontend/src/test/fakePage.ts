export { FakePage } from '../lib/testing'
