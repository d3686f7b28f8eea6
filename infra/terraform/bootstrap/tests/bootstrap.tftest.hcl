mock_provider "google" {
  source          = "../checks/mocks"
  override_during = plan
}

mock_provider "google-beta" {
  override_during = plan
}

variables {
  project = "my-project"
  ci      = { repository = "acme/tipoff", environment = "prod" }
}

run "one_subject_may_deploy" {
  command = plan

  assert {
    condition     = google_iam_workload_identity_pool_provider.github["deploy"].attribute_condition == "assertion.sub == \"repo:acme/tipoff:environment:prod\""
    error_message = "the repository and the environment, letter by letter"
  }
  assert {
    condition     = endswith(google_service_account_iam_member.ci["deploy"].member, "/subject/repo:acme/tipoff:environment:prod")
    error_message = "no other subject acts as the deployer"
  }
  assert {
    condition     = alltrue([for it in google_iam_workload_identity_pool_provider.github : can(regex("^assertion[.]sub == \"[^\"*]+\"$", it.attribute_condition))])
    error_message = "nobody is let in by a pattern"
  }
}

run "a_pull_request_looks_and_changes_nothing" {
  command = plan

  assert {
    condition     = google_iam_workload_identity_pool_provider.github["plan"].attribute_condition == "assertion.sub == \"repo:acme/tipoff:pull_request\""
    error_message = "jobs of pull requests of the repository itself"
  }
  assert {
    condition     = alltrue([for it in google_project_iam_custom_role.ci["plan"].permissions : can(regex("[.](fullView|get|getIamPolicy|list)$", it)) if it != "serviceusage.services.use"])
    error_message = "nothing that changes, reads rows or calls"
  }
  assert {
    condition     = contains(google_project_iam_custom_role.ci["plan"].permissions, "serviceusage.services.use")
    error_message = "the environments' user_project_override takes it"
  }
  assert {
    condition     = alltrue([for it in google_project_iam_custom_role.ci : contains(it.permissions, "cloudscheduler.jobs.fullView")])
    error_message = "what a tick sends is seen, or every plan would set it again"
  }
  assert {
    condition     = google_artifact_registry_repository_iam_member.ci["plan"].role == "roles/artifactregistry.reader"
    error_message = "images are read"
  }
}

run "the_deployer_makes_no_identity_and_opens_none" {
  command = plan

  assert {
    condition     = alltrue([for it in google_project_iam_custom_role.ci["deploy"].permissions : !can(regex("^(iam[.]|secretmanager[.]|storage[.]).*[.](create|delete|setIamPolicy|update|actAs|access)$", it)) if it != "storage.buckets.create"])
    error_message = "nothing on the whole project by which it could become another"
  }
  assert {
    condition     = !anytrue(flatten([for it in concat(values(google_project_iam_custom_role.ci), values(google_project_iam_custom_role.own)) : [for permission in it.permissions : can(regex("^(iam[.]serviceAccount(Keys[.]create|s[.](create|setIamPolicy|actAs|get[[:alpha:]]*Token|sign|implicitDelegation))|iam[.]roles[.](create|update)|resourcemanager[.]projects[.]setIamPolicy|storage[.]buckets[.]setIamPolicy|secretmanager[.](secrets[.]setIamPolicy|versions[.]access))", permission))]]))
    error_message = "nor has any other role of ours what leads to every right in the project"
  }
  assert {
    condition     = google_project_iam_member.buckets[0].condition[0].expression == "resource.type == \"storage.googleapis.com/Bucket\" && resource.name.startsWith(\"projects/_/buckets/my-project-tipoff-\")"
    error_message = "the buckets of the environment, and not that of Terraform's state"
  }
  assert {
    condition     = keys(google_service_account_iam_member.service_deployer) == keys(yamldecode(file("../../services.yaml")).services) && keys(google_service_account_iam_member.push_deployer) == [for name in keys(yamldecode(file("../../services.yaml")).services) : "${name}-push"]
    error_message = "it acts as what services and pushes are, and as nothing else"
  }
}

run "the_deployer_labels_what_it_makes_of_a_network" {
  command = plan

  variables {
    extra_apis = ["compute.googleapis.com"]
  }

  assert {
    condition     = length(setsubtract([for it in ["addresses", "globalAddresses", "globalForwardingRules"] : "compute.${it}.setLabels"], google_project_iam_custom_role.ci["deploy"].permissions)) == 0
    error_message = "labels are set after creation, also the provider's own"
  }
  assert {
    condition     = !anytrue([for it in google_project_iam_custom_role.ci["plan"].permissions : endswith(it, ".setLabels")])
    error_message = "and by nobody who only looks"
  }
}

run "every_service_is_somebody" {
  command = plan

  assert {
    condition     = google_service_account.service["scraper-runner"].account_id == "tipoff-scraper-runner" && google_service_account.push["scraper-runner-push"].account_id == "tipoff-scraper-runner-push"
    error_message = "names are predictable"
  }
  assert {
    condition     = toset([for it in values(google_secret_manager_secret_iam_member.accessor) : it.secret_id]) == toset(keys(google_secret_manager_secret.this))
    error_message = "each secret has its reader"
  }
  assert {
    condition     = google_service_account_iam_member.token_creator["logger-push"].member == "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com" && google_service_account_iam_member.token_creator["logger-push"].role == "roles/iam.serviceAccountOpenIdTokenCreator"
    error_message = "Pub/Sub makes the tokens that it pushes with"
  }
}

run "a_service_is_nobody_else" {
  command = plan

  variables {
    services_file = "tests/names.yaml"
  }

  expect_failures = [
    google_service_account.service["build"],
    google_service_account.service["deploy"],
    google_service_account.service["logger-push2"],
    google_service_account.service["plan"],
  ]
}

run "a_build_reads_what_is_uploaded_and_pushes_images" {
  command = plan

  assert {
    condition     = google_artifact_registry_repository_iam_member.build.role == "roles/artifactregistry.writer" && google_project_iam_member.build.role == "roles/logging.logWriter"
    error_message = "images and logs"
  }
  assert {
    condition     = module.builds.name == "my-project-builds" && !startswith(module.builds.name, "my-project-tipoff-")
    error_message = "a bucket that CI does not open"
  }
}

run "every_secret_that_a_service_names_is_there" {
  command = plan

  assert {
    condition     = toset(keys(google_secret_manager_secret.this)) == toset(flatten([for it in values(yamldecode(file("../../services.yaml")).services) : concat(lookup(it, "secrets", []), lookup(it, "optional_secrets", []))]))
    error_message = "as infra/services.yaml says"
  }
}

run "without_ci_nobody_federates" {
  command = plan

  variables {
    ci = null
  }

  assert {
    condition     = length(google_iam_workload_identity_pool.ci) == 0 && length(google_service_account.ci) == 0 && length(google_service_account_iam_member.service_deployer) == 0
    error_message = "nothing to attack"
  }
}

run "a_repository_is_known_by_ids_that_nobody_takes_over" {
  command = plan

  variables {
    ci = { repository = "acme@1234567/tipoff@123456789", environment = "prod" }
  }

  assert {
    condition     = google_iam_workload_identity_pool_provider.github["deploy"].attribute_condition == "assertion.sub == \"repo:acme@1234567/tipoff@123456789:environment:prod\""
    error_message = "as GitHub's tokens say it of repositories made since July 2026"
  }
}

run "half_of_the_ids_are_no_repository" {
  command = plan

  variables {
    ci = { repository = "acme@1234567/tipoff", environment = "prod" }
  }

  expect_failures = [var.ci]
}

run "a_wildcard_is_no_repository" {
  command = plan

  variables {
    ci = { repository = "acme/*", environment = "prod" }
  }

  expect_failures = [var.ci]
}

run "a_longer_subject_than_google_takes_is_refused" {
  command = plan

  variables {
    ci = { repository = "acme@1234567/tipoff@123456789", environment = "the-environment-of-everybody-who-deploys-from-this-repository-into-one-project-or-another" }
  }

  expect_failures = [var.ci]
}

run "the_example_is_no_repository" {
  command = plan

  variables {
    ci = { repository = "example@1234567/tipoff@123456789", environment = "dev" }
  }

  expect_failures = [var.ci]
}

run "agents_are_asked_for_and_have_their_rights" {
  command = plan

  assert {
    condition     = toset(keys(google_project_service_identity.agent)) == toset(["pubsub.googleapis.com", "monitoring.googleapis.com", "run.googleapis.com"]) && google_project_iam_member.monitoring_agent.role == "roles/monitoring.notificationServiceAgent" && google_project_iam_member.run_agent.role == "roles/run.serviceAgent"
    error_message = "a new project has none of them, and an account that is asked for has no role"
  }
}

run "the_logger_drops_no_table_and_changes_no_column" {
  command = plan

  assert {
    condition     = toset(google_project_iam_custom_role.own["tipoffRowAppender"].permissions) == toset(["bigquery.tables.get", "bigquery.tables.updateData"])
    error_message = "it inserts rows"
  }
  assert {
    condition     = !contains(google_project_iam_custom_role.ci["deploy"].permissions, "bigquery.tables.delete")
    error_message = "nor does a deployment drop one"
  }
}

run "a_further_push_account_leaves_the_one_that_pushes" {
  command = plan

  variables {
    services_file = "tests/pushed.yaml"
  }

  assert {
    condition     = toset(keys(google_service_account.push)) == toset(["cleanup-push", "logger-push", "logger-push2", "runner-push2", "runner-push3"])
    error_message = "subscriptions push with the one before until they are deployed"
  }
}

run "images_are_run_by_the_environment_that_they_are_promoted_to" {
  command = plan

  variables {
    promoted_to = { my-prod = "210987654321" }
  }

  assert {
    condition     = google_artifact_registry_repository_iam_member.promoted["my-prod/run"].member == "serviceAccount:service-210987654321@serverless-robot-prod.iam.gserviceaccount.com"
    error_message = "Cloud Run's agent there pulls them"
  }
}

run "keys_encrypt_what_bootstrap_makes" {
  command = plan

  variables {
    kms_key         = "projects/keys/locations/us-central1/keyRings/r/cryptoKeys/k"
    dataset_kms_key = "projects/keys/locations/us/keyRings/r/cryptoKeys/k"
    secrets_kms_key = "projects/keys/locations/global/keyRings/r/cryptoKeys/k"
  }

  assert {
    condition     = alltrue([for it in google_secret_manager_secret.this : it.replication[0].auto[0].customer_managed_encryption[0].kms_key_name == var.secrets_kms_key])
    error_message = "every secret"
  }
  assert {
    condition     = google_artifact_registry_repository.images.kms_key_name == var.kms_key && google_bigquery_dataset.this.default_encryption_configuration[0].kms_key_name == var.dataset_kms_key
    error_message = "images and rows"
  }
}

run "keys_of_other_places_are_refused" {
  command = plan

  variables {
    kms_key         = "projects/keys/locations/europe-west1/keyRings/r/cryptoKeys/k"
    dataset_kms_key = "projects/keys/locations/us-central1/keyRings/r/cryptoKeys/k"
    secrets_kms_key = "projects/keys/locations/us-central1/keyRings/r/cryptoKeys/k"
  }

  expect_failures = [var.kms_key, var.dataset_kms_key, var.secrets_kms_key]
}
