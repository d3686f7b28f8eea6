module "monitoring" {
  source = "../modules/monitoring"

  project               = var.project
  project_number        = local.number
  region                = var.region
  notification_emails   = var.notification_emails
  notification_channels = var.notification_channels
  uptime_services       = { for name, it in local.services : module.service[name].name => module.service[name].uri if it.ingress == "all" }
  monitoring_agent      = local.monitoring_agent
  dead_letter_topic     = module.dead_letters.name
  tick_minutes          = local.tick_minutes
  log_retention_days    = var.log_retention_days
  paused                = var.paused
  budget                = var.budget
  labels                = local.labels
}
