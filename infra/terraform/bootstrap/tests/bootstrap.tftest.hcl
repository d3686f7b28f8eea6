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
    condition     = google_iam_workload_identity_pool_provider.github["deploy"].attribute_condition == "assertion.sub == \"repo:example/tipoff:environment:prod\""
    error_message = "the repository and the environment, letter by letter"
  }
  assert {
    condition     = endswith(google_service_account_iam_member.ci["deploy"].member, "/subject/repo:example/tipoff:environment:prod")
    error_message = "no other subject acts as the deployer"
  }
}

run "a_pull_request_looks_and_changes_nothing" {
  command = plan

  assert {
    condition     = google_iam_workload_identity_pool_provider.github["plan"].attribute_condition == "assertion.sub == \"repo:example/tipoff:pull_request\""
    error_message = "jobs of pull requests of the repository itself"
  }
  assert {
    condition     = alltrue([for it in google_project_iam_custom_role.ci["plan"].permissions : can(regex("[.](get|getIamPolicy|list)$", it)) if it != "serviceusage.services.use"])
    error_message = "nothing that changes, reads rows or calls"
  }
  assert {
    condition     = contains(google_project_iam_custom_role.ci["plan"].permissions, "serviceusage.services.use")
    error_message = "the environments' user_project_override takes it"
  }
  assert {
    condition     = google_storage_bucket_iam_member.state["plan"].role == "roles/storage.objectViewer" && google_artifact_registry_repository_iam_member.ci["plan"].role == "roles/artifactregistry.reader"
    error_message = "state and images are read"
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
    condition     = length(google_iam_workload_identity_pool.ci) == 0 && length(google_service_account.ci) == 0
    error_message = "nothing to attack"
  }
}

run "a_repository_is_known_by_ids_that_nobody_takes_over" {
  command = plan

  variables {
    ci = { repository = "example@1234567/tipoff@123456789", environment = "prod" }
  }

  assert {
    condition     = google_iam_workload_identity_pool_provider.github["deploy"].attribute_condition == "assertion.sub == \"repo:example@1234567/tipoff@123456789:environment:prod\""
    error_message = "as GitHub's tokens say it of repositories made since July 2026"
  }
}

run "half_of_the_ids_are_no_repository" {
  command = plan

  variables {
    ci = { repository = "example@1234567/tipoff", environment = "prod" }
  }

  expect_failures = [var.ci]
}

run "a_wildcard_is_no_repository" {
  command = plan

  variables {
    ci = { repository = "example/*", environment = "prod" }
  }

  expect_failures = [var.ci]
}
