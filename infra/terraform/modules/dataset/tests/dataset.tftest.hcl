mock_provider "google" {
  source          = "../../checks/mocks"
  override_during = plan
}

variables {
  project     = "my-project"
  declaration = "../.."
  schemas     = "../../../../schemas/bigquery/nba_orchestration"
  writers     = { logger = "serviceAccount:tipoff-logger@my-project.iam.gserviceaccount.com" }
  readers     = { controller = "serviceAccount:tipoff-controller@my-project.iam.gserviceaccount.com" }
}

run "rows_expire_after_ninety_days_and_tables_stay" {
  command = plan

  assert {
    condition     = alltrue([for table in google_bigquery_table.this : table.time_partitioning[0].expiration_ms == 90 * 24 * 3600 * 1000 && table.time_partitioning[0].type == "DAY"])
    error_message = "90 days, by the day"
  }
  assert {
    condition     = alltrue([for table in google_bigquery_table.this : table.deletion_protection])
    error_message = "tables are protected"
  }
  assert {
    condition     = alltrue(flatten([for table in google_bigquery_table.this : [for column in jsondecode(table.schema) : can(column.mode)]]))
    error_message = "the mode of every column is written out"
  }
}

run "every_file_is_deployed" {
  command = plan

  assert {
    condition     = toset([for file in fileset(var.schemas, "v_*.sql") : trimsuffix(file, ".sql")]) == toset(keys(google_bigquery_table.view))
    error_message = "every view"
  }
  assert {
    condition     = length(fileset(var.schemas, "fn_*.sql")) == length(module.functions_calling_none.names) + length(module.functions_calling_those.names) + length(module.functions_calling_all.names)
    error_message = "every table function"
  }
}

run "names_in_a_view_hold_whoever_asks" {
  command = plan

  assert {
    condition     = alltrue([for view in google_bigquery_table.view : strcontains(view.view[0].query, "`my-project`.nba_orchestration.") && !can(regex("(^|[^.])nba_orchestration\\.", replace(view.view[0].query, "`my-project`.nba_orchestration.", "")))])
    error_message = "a view is read from other projects too"
  }
}

run "only_the_logger_writes" {
  command = plan

  assert {
    condition     = length(google_bigquery_table_iam_member.writer) == length(google_bigquery_table.this) && alltrue([for grant in google_bigquery_table_iam_member.writer : grant.member == var.writers.logger])
    error_message = "on each table, to nobody else"
  }
  assert {
    condition     = toset([for grant in google_project_iam_member.job_user : grant.role]) == toset(["roles/bigquery.jobUser"])
    error_message = "the one role on the project"
  }
}

run "a_federated_principal_reads" {
  command = plan

  variables {
    readers = { partner = "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/partner/*" }
  }

  assert {
    condition     = google_bigquery_dataset_iam_member.reader["partner"].member == "iamMember:${var.readers.partner}" && google_project_iam_member.job_user["partner"].member == var.readers.partner
    error_message = "to the dataset as BigQuery spells it, to the project as IAM does"
  }
}
