import js from '@eslint/js'
import reactHooks from 'eslint-plugin-react-hooks'
import tseslint from 'typescript-eslint'

// The arrows of ARCHITECTURE.md: pages → components → components/ui; all → lib; lib → nothing above itself.
const pages = { regex: '(^|/)pages(/|$)', message: 'Only pages and the app import pages.' }
const components = { regex: '(^|/)components(/|$)', message: 'lib imports nothing above itself.' }
const outsideUi = {
  regex: '^\\.\\./(?!lib/|\\.\\./lib/)',
  message: 'components/ui imports only lib and itself.',
}
const react = {
  regex: '^react(-dom)?($|/)',
  message: 'The core works without React; only the hook imports it.',
}
const app = { regex: '(^|/)(App|main)$', message: 'Nothing imports the app but main.' }
const appParts = { regex: '(^|/)app(/|$)', message: 'lib imports nothing above itself.' }

const arrow = (files, ...patterns) => ({
  files,
  rules: { 'no-restricted-imports': ['error', { patterns: [app, ...patterns] }] },
})

// The scripts run in Node; what they hand to page.evaluate runs in the browser.
const node = [
  'process',
  'console',
  'fetch',
  'URL',
  'URLSearchParams',
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'Buffer',
]
const browser = ['document', 'window', 'navigator', 'location', 'history', 'Event', 'CloseEvent']
const scriptGlobals = Object.fromEntries([...node, ...browser].map((name) => [name, 'readonly']))

const tests = ['**/*.test.{ts,tsx}']

export default tseslint.config(
  { ignores: ['dist', 'client/dist', 'coverage', 'node_modules'] },
  js.configs.recommended,
  {
    files: ['**/*.{ts,tsx}'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
    },
  },
  {
    files: ['src/**/*.{ts,tsx}'],
    ...reactHooks.configs.flat.recommended,
  },
  { files: ['e2e/**/*.mjs', 'client/*.mjs', '*.mjs', '*.js'], languageOptions: { globals: scriptGlobals } },
  arrow(['src/lib/**/*.{ts,tsx}'], pages, components, appParts),
  // The entry of the React part exports the status component. The examples and their tests show the library as a page uses it, status component included.
  arrow(
    ['src/lib/**/*.example.{ts,tsx}', 'src/lib/**/*.example.test.tsx', 'src/lib/react.ts'],
    pages,
    appParts,
  ),
  arrow(['src/components/**/*.{ts,tsx}'], pages),
  arrow(['src/components/ui/**/*.{ts,tsx}'], pages, outsideUi),
  {
    ...arrow(['src/lib/*.ts'], pages, components, appParts, react),
    ignores: ['src/lib/use*.ts', 'src/lib/react.ts', ...tests],
  },
  {
    files: tests,
    rules: { '@typescript-eslint/unbound-method': 'off' },
  },
)
