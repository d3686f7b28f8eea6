output "registry" {
  description = "Where images are pushed: REGISTRY/SERVICE."
  value       = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}"
}

output "secrets" {
  description = "Secrets that need a value before an environment is applied."
  value       = sort(keys(google_secret_manager_secret.this))
}

output "deployer" {
  description = "IAM member that CI deploys as; the environment's variable of that name."
  value       = one(google_service_account.deploy[*].member)
}

output "workload_identity_provider" {
  description = "What google-github-actions/auth is given."
  value       = one(google_iam_workload_identity_pool_provider.github[*].name)
}
