output "uri" {
  description = "Where the service is, and the audience of tokens for it."
  value       = local.uri
}

output "name" {
  description = "Name of the service, once it exists."
  value       = google_cloud_run_v2_service.this.name
}

output "member" {
  description = "IAM member of the service's identity."
  value       = google_service_account.this.member
}

output "push_service_account" {
  description = "E-mail of the identity that Pub/Sub pushes with."
  value       = google_service_account.push.email

  # A subscription that pushes with it is refused before these rights are there.
  depends_on = [google_service_account_iam_member.token_creator, google_service_account_iam_member.push_deployer]
}

output "timeout_seconds" {
  description = "Longest time of a request."
  value       = var.timeout_seconds
}
