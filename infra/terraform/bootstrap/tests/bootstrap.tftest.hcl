mock_provider "google" {
  source          = "../checks/mocks"
  override_during = plan
}

variables {
  project = "my-project"
  ci      = { repository = "example/tipoff", environment = "prod" }
}

run "one_subject_may_deploy" {
  command = plan

  assert {
    condition     = google_iam_workload_identity_pool_provider.github[0].attribute_condition == "assertion.sub == \"repo:example/tipoff:environment:prod\""
    error_message = "the repository and the environment, letter by letter"
  }
  assert {
    condition     = endswith(google_service_account_iam_member.ci[0].member, "/subject/repo:example/tipoff:environment:prod")
    error_message = "no other subject acts as the deployer"
  }
}

run "the_deployer_grants_one_role" {
  command = plan

  assert {
    condition     = strcontains(google_project_iam_member.grants_job_user[0].condition[0].expression, "hasOnly([\"roles/bigquery.jobUser\"])")
    error_message = "and no other"
  }
}

run "every_secret_that_a_service_names_is_there" {
  command = plan

  assert {
    condition     = toset(keys(google_secret_manager_secret.this)) == toset(flatten([for it in values(yamldecode(file("../../services.yaml")).services) : lookup(it, "secrets", [])]))
    error_message = "as infra/services.yaml says"
  }
}

run "without_ci_nobody_federates" {
  command = plan

  variables {
    ci = null
  }

  assert {
    condition     = length(google_iam_workload_identity_pool.ci) == 0 && length(google_service_account.deploy) == 0
    error_message = "nothing to attack"
  }
}

run "a_wildcard_is_no_repository" {
  command = plan

  variables {
    ci = { repository = "example/*", environment = "prod" }
  }

  expect_failures = [var.ci]
}
