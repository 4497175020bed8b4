// Nothing is fetched and nothing is told: no fonts of others, no telemetry (NEXT_TELEMETRY_DISABLED).
export default {}
