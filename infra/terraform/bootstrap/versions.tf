terraform {
  required_version = ">= 1.11"

  # terraform init -reconfigure -backend-config=bucket=PROJECT-bootstrap
  backend "gcs" {
    prefix = "tipoff/bootstrap"
  }

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 8.7"
    }

    # google_project_service_identity is in the beta provider only.
    google-beta = {
      source  = "hashicorp/google-beta"
      version = "~> 8.7"
    }
  }
}
