terraform {
  required_version = ">= 1.11"

  # terraform init -reconfigure -backend-config=bucket=PROJECT-tfstate
  backend "gcs" {
    prefix = "tipoff/platform"
  }

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 8.7"
    }
  }
}
