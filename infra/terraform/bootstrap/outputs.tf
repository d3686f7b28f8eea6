output "registry" {
  description = "Where images are pushed: REGISTRY/SERVICE."
  value       = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}"
}

output "secrets" {
  description = "Secrets that need a value before an environment is applied."
  value       = sort(keys(google_secret_manager_secret.this))
}

output "deployer" {
  description = "IAM member that CI deploys as."
  value       = one([for name, it in google_service_account.ci : it.member if name == "deploy"])
}

output "github" {
  description = "Variables of the GitHub repository, by name; TFVARS, the content of the environment's platform.tfvars, comes beside them."
  value = var.ci == null ? {} : {
    PROJECT           = var.project
    REGION            = var.region
    DEPLOYER          = google_service_account.ci["deploy"].email
    DEPLOYER_PROVIDER = google_iam_workload_identity_pool_provider.github["deploy"].name
    PLANNER           = google_service_account.ci["plan"].email
    PLANNER_PROVIDER  = google_iam_workload_identity_pool_provider.github["plan"].name
    DRIFT_PROVIDER    = google_iam_workload_identity_pool_provider.github["drift"].name
  }
}
