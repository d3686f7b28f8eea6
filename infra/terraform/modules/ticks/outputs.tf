output "jobs" {
  description = "Schedule and zone of each job, by the name of its tick."
  value       = { for name, job in google_cloud_scheduler_job.this : name => { schedule = job.schedule, time_zone = job.time_zone } }
}
