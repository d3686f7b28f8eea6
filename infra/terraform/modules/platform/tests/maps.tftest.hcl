mock_provider "google" {
  source          = "../../checks/mocks"
  override_during = plan
}

# Small maps that fit each other, so that what is wrong in one of them is the one thing that is wrong.
variables {
  project             = "my-project"
  region              = "us-central1"
  environment         = "dev"
  notification_emails = ["someone@example.com"]
  images              = { controller = "1.0", logger = "1.0" }
  topics_file         = "tests/maps/topics.yaml"
  services_file       = "tests/maps/services.yaml"
}

run "maps_that_fit_are_planned" {
  command = plan

  assert {
    condition     = keys(output.services) == ["controller", "logger"]
    error_message = "both services"
  }
}

run "a_subscription_of_nobody_stops_the_plan" {
  command = plan

  variables {
    topics_file = "tests/maps/subscription_of_nobody.yaml"
  }

  expect_failures = [terraform_data.maps]
}

# Incident 25.
run "a_topic_that_nobody_takes_stops_the_plan" {
  command = plan

  variables {
    topics_file = "tests/maps/topic_of_nobody.yaml"
  }

  expect_failures = [terraform_data.maps]
}

# Incident 12.
run "a_tick_that_nobody_takes_stops_the_plan" {
  command = plan

  variables {
    topics_file = "tests/maps/ticks_of_nobody.yaml"
  }

  expect_failures = [terraform_data.maps]
}

run "a_topic_that_is_not_there_stops_the_plan" {
  command = plan

  variables {
    services_file = "tests/maps/unknown_topic.yaml"
  }

  expect_failures = [terraform_data.maps]
}

# Incident 37.
run "a_key_that_nothing_reads_stops_the_plan" {
  command = plan

  variables {
    services_file = "tests/maps/misspelt_key.yaml"
  }

  expect_failures = [terraform_data.maps]
}

run "a_right_that_is_misspelt_stops_the_plan" {
  command = plan

  variables {
    services_file = "tests/maps/misspelt_right.yaml"
  }

  expect_failures = [terraform_data.maps]
}

run "dead_letters_that_go_nowhere_stop_the_plan" {
  command = plan

  variables {
    topics_file = "tests/maps/misspelt_dead_letters.yaml"
  }

  expect_failures = [terraform_data.maps]
}

run "ticks_that_nothing_carries_stop_the_plan" {
  command = plan

  variables {
    topics_file = "tests/maps/no_ticks.yaml"
  }

  expect_failures = [terraform_data.maps]
}

run "two_subscriptions_of_one_name_stop_the_plan" {
  command = plan

  variables {
    topics_file = "tests/maps/doubled_subscription.yaml"
  }

  expect_failures = [terraform_data.maps]
}

run "a_service_without_a_key_that_it_needs_stops_the_plan" {
  command = plan

  variables {
    services_file = "tests/maps/missing_key.yaml"
  }

  expect_failures = [terraform_data.maps]
}

run "a_subscription_with_a_key_that_nothing_reads_stops_the_plan" {
  command = plan

  variables {
    topics_file = "tests/maps/misspelt_topic_key.yaml"
  }

  expect_failures = [terraform_data.maps]
}

run "a_topic_with_a_key_that_nothing_reads_stops_the_plan" {
  command = plan

  variables {
    topics_file = "tests/maps/misspelt_subscriptions.yaml"
  }

  expect_failures = [terraform_data.maps]
}

run "a_topic_map_with_a_key_that_nothing_reads_stops_the_plan" {
  command = plan

  variables {
    topics_file = "tests/maps/misspelt_retry.yaml"
  }

  expect_failures = [terraform_data.maps]
}

run "a_subscription_without_its_service_stops_the_plan" {
  command = plan

  variables {
    topics_file = "tests/maps/missing_topic_key.yaml"
  }

  expect_failures = [terraform_data.maps]
}
