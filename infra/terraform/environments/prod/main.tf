provider "google" {
  project = var.project
  region  = var.region

  # Budgets belong to a billing account; a person's calls about them are counted against this project.
  billing_project       = var.project
  user_project_override = true
}

module "platform" {
  source = "../../modules/platform"

  environment         = "prod"
  project             = var.project
  region              = var.region
  images              = var.images
  scaling             = var.scaling
  invokers            = var.invokers
  dataset_readers     = var.dataset_readers
  phase2_members      = var.phase2_members
  notification_emails = var.notification_emails
  budget              = var.budget
  paused              = var.paused
  deletion_protection = true
}
