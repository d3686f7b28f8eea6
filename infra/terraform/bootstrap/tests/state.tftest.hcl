# On a state that was applied: what a later plan may not do.
mock_provider "google" {
  source = "../checks/mocks"
}

mock_provider "google-beta" {}

variables {
  project = "my-project"
  ci      = { repository = "acme/tipoff", environment = "prod" }
}

run "a_state_of_another_project_is_made" {
  command = apply

  variables {
    ci = null
  }
}

run "and_refuses_the_variables_of_this_one" {
  command = plan

  variables {
    ci      = null
    project = "another-project"
  }

  expect_failures = [terraform_data.applied_for]
}
