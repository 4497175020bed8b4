export { FakeSocket } from '../lib/testing'
