provider "google" {
  project = var.project
  region  = var.region
}

module "platform" {
  source = "../../modules/platform"

  environment         = "dev"
  project             = var.project
  region              = var.region
  images              = var.images
  scaling             = var.scaling
  invokers            = var.invokers
  dataset_readers     = var.dataset_readers
  phase2_members      = var.phase2_members
  deployer            = var.deployer
  notification_emails = var.notification_emails
  budget              = var.budget
  paused              = var.paused
  deletion_protection = false
}
