output "names" {
  description = "Names of the functions."
  value       = sort(keys(google_bigquery_routine.this))
}
