# On a state that was applied: what a later plan may not do.
mock_provider "google" {
  source = "../checks/mocks"
}

variables {
  project             = "my-project"
  region              = "us-central1"
  environment         = "prod"
  notification_emails = ["someone@example.com"]
  invokers            = ["user:someone@example.com"]
  phase2_members      = ["serviceAccount:phase2@other-project.iam.gserviceaccount.com"]
  images              = { for name in keys(yamldecode(file("../../services.yaml")).services) : name => "1.0" }
}

run "a_state_is_applied" {
  command = apply
}

run "another_project_is_refused_by_its_state" {
  command = plan

  variables {
    project = "another-project"
  }

  expect_failures = [terraform_data.applied_for]
}

run "so_is_another_environment" {
  command = plan

  variables {
    environment = "dev"
  }

  expect_failures = [terraform_data.applied_for]
}
