variable "project" {
  description = "Google Cloud project."
  type        = string
}

variable "dataset_id" {
  description = "Name of the dataset. The services know it by this one."
  type        = string
  default     = "nba_orchestration"
}

variable "declaration" {
  description = "Folder of dataset.json and schemas/, which `make generate` writes from the SQL files."
  type        = string
}

variable "schemas" {
  description = "Folder of the SQL files of table functions and views."
  type        = string
}

variable "readers" {
  description = "Who may query: any key => IAM member."
  type        = map(string)
  default     = {}
}

variable "writers" {
  description = "Who may append rows, and query: any key => IAM member."
  type        = map(string)
  default     = {}
}

variable "labels" {
  description = "Labels of the dataset and its tables."
  type        = map(string)
  default     = {}
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete a table."
  type        = bool
  default     = true
}
