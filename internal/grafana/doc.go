// Package grafana only has a test, which holds the dashboard of docs/grafana to
// Grafana's own schema.
package grafana
