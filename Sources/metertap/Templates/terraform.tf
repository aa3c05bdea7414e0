# Metertap: an agent that turns the meter records in your logs into billable meters. The module makes a Kinesis stream,
# the Lambda function behind it, the buckets and the two roles; metertap attach subscribes log groups to it.
#
#   module "metertap" {
#     source      = "./metertap"
#     code_bucket = "…"
#     code_key    = "metertap-lambda-0.1.0.zip"
#   }
#
# The CloudFormation template makes the same resources from the same parameters. Prices are those of us-east-1;
# docs/costs.md names their source. Policies: what is not named here is not allowed; docs/deploy-on-aws.md tells what
# each is for.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.80"
    }
  }
}

# Parameters: the agent

variable "name" {
  type        = string
  description = "What the names of all resources begin with."
  default     = "metertap"
}

variable "code_bucket" {
  type        = string
  description = "The bucket that holds the agent's zip, in the same region."
  validation {
    condition     = length(var.code_bucket) >= 3
    error_message = "Must have at least 3 characters."
  }
}

variable "code_key" {
  type        = string
  description = "The key of the zip. Put the version into it: the function is updated only when the key changes."
  validation {
    condition     = length(var.code_key) >= 1
    error_message = "Must not be empty."
  }
}

variable "architecture" {
  type        = string
  description = "What the zip was built for. arm64 costs a fifth less."
  default     = "x86_64"
  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "Must be one of: x86_64, arm64."
  }
}

variable "memory_size" {
  type        = number
  description = "Memory of the function in MB, which is also its share of a processor. The agent stays within 128 MB; costs go with the memory, but an invocation takes the longer the less there is."
  default     = 512
  validation {
    condition     = var.memory_size >= 128 && var.memory_size <= 10240
    error_message = "Must be from 128 to 10240."
  }
}

variable "timeout" {
  type        = number
  description = "Seconds that an invocation may take. The agent stops ahead of it and acknowledges what is durable."
  default     = 60
  validation {
    condition     = var.timeout >= 10 && var.timeout <= 900
    error_message = "Must be from 10 to 900."
  }
}

variable "tags" {
  type        = string
  description = "The words that mark a meter record, separated by commas. metertap attach must be given the same."
  default     = "amberflo_meter,meter_record_for_cw,meter_record_for_stream"
  validation {
    condition     = can(regex("^([A-Za-z0-9_]+(,[A-Za-z0-9_]+)*)$", var.tags))
    error_message = "Must match [A-Za-z0-9_]+(,[A-Za-z0-9_]+)*."
  }
}

variable "allow_missing_customer" {
  type        = bool
  description = "Whether a record without a customer is taken. Otherwise it is a reject."
  default     = false
}

variable "log_retention_days" {
  type        = number
  description = "Days that the agent's own log is kept. It holds a line of some 700 bytes for each invocation."
  default     = 30
  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "Must be one of: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653."
  }
}

# Parameters: where records go

variable "ingest_url" {
  type        = string
  description = "Where records go, if not into the bucket that is made here: an ingest API, https://host/ingest, with api_key_secret_arn. Rejects and manifests stay in the bucket."
  default     = ""
  validation {
    condition     = can(regex("^(|https://[^ ]+)$", var.ingest_url))
    error_message = "Must match |https://[^ ]+."
  }
}

variable "api_key_secret_arn" {
  type        = string
  description = "For an ingest API, the secret whose text is its key. A secret costs $0.40 a month."
  default     = ""
  validation {
    condition     = can(regex("^(|arn:[a-z-]+:secretsmanager:.+)$", var.api_key_secret_arn))
    error_message = "Must match |arn:[a-z-]+:secretsmanager:.+."
  }
}

variable "sink_bucket" {
  type        = string
  description = "Where records go, if not into the bucket that is made here: another bucket and a prefix with a slash at its end, such as their-bucket/team/. The agent's own role writes to it, or sink_role_arn, or sink_credentials_secret_arn."
  default     = ""
  validation {
    condition     = can(regex("^(|[a-z0-9.-]+/([^ /]+/)*)$", var.sink_bucket))
    error_message = "Must match |[a-z0-9.-]+/([^ /]+/)*."
  }
}

variable "sink_region" {
  type        = string
  description = "The region of the sink's bucket. Empty is the agent's own."
  default     = ""
}

variable "sink_role_arn" {
  type        = string
  description = "The role to assume for another account's bucket."
  default     = ""
  validation {
    condition     = can(regex("^(|arn:[a-z-]+:iam::[0-9]{12}:role/.+)$", var.sink_role_arn))
    error_message = "Must match |arn:[a-z-]+:iam::[0-9]{12}:role/.+."
  }
}

variable "sink_external_id" {
  type        = string
  description = "The external id that the owner of that role asks for."
  default     = ""
}

variable "sink_credentials_secret_arn" {
  type        = string
  description = "The secret with the access key for another account's bucket. A role is better; set one of the two."
  default     = ""
  validation {
    condition     = can(regex("^(|arn:[a-z-]+:secretsmanager:.+)$", var.sink_credentials_secret_arn))
    error_message = "Must match |arn:[a-z-]+:secretsmanager:.+."
  }
}

variable "sink_acl" {
  type        = string
  description = "The canned ACL of each object in another account's bucket. Amberflo wants bucket-owner-full-control."
  default     = ""
  validation {
    condition     = contains(["", "bucket-owner-full-control"], var.sink_acl)
    error_message = "Must be one of: empty, bucket-owner-full-control."
  }
}

variable "sink_encryption" {
  type        = string
  description = "What S3 is asked to encrypt each object in another account's bucket with, where the bucket refuses what asks for nothing: AES256, aws:kms, aws:kms:dsse or the ARN of a key. The key's policy must let the writer use it."
  default     = ""
  validation {
    condition     = can(regex("^(|AES256|aws:kms|aws:kms:dsse|arn:[a-z-]+:kms:.+:key/.+)$", var.sink_encryption))
    error_message = "Must match |AES256|aws:kms|aws:kms:dsse|arn:[a-z-]+:kms:.+:key/.+."
  }
}

variable "keep_days" {
  type        = number
  description = "Days that rejects, manifests and failed batches are kept. They hold log lines. Records are kept until you delete them. A GB costs $0.023 a month."
  default     = 400
  validation {
    condition     = var.keep_days >= 1
    error_message = "Must be at least 1."
  }
}

# Parameters: how log events come

variable "mode" {
  type        = string
  description = "stream: by way of Kinesis, which keeps log events for stream_retention_hours while something is wrong. direct: CloudWatch Logs calls the function; cheaper and weaker, since a failed event is tried again for six hours at most. draining: the step between the two. New log groups are subscribed to the function, and the stream is read to its end. Move the filters with metertap attach, wait until the stream is empty, and only then choose direct."
  default     = "stream"
  validation {
    condition     = contains(["stream", "draining", "direct"], var.mode)
    error_message = "Must be one of: stream, draining, direct."
  }
}

variable "shards" {
  type        = number
  description = "0: on demand, no shards to count, $0.04 an hour ($29 a month) and $0.08 for each GB. Else provisioned shards of 1 MB/s or 1,000 records/s each, $0.015 an hour ($11 a month) each and $0.014 for a million records."
  default     = 0
  validation {
    condition     = var.shards >= 0
    error_message = "Must be at least 0."
  }
}

variable "stream_retention_hours" {
  type        = number
  description = "How long the stream keeps log events: the time that you have to mend a fault. More than 24 hours cost $0.02 for each shard and hour, or $0.10 for each GB and month on demand."
  default     = 168
  validation {
    condition     = var.stream_retention_hours >= 24 && var.stream_retention_hours <= 8760
    error_message = "Must be from 24 to 8760."
  }
}

variable "batching_window_seconds" {
  type        = number
  description = "How long log events are collected for an invocation. Longer: fewer invocations and objects, later records."
  default     = 5
  validation {
    condition     = var.batching_window_seconds >= 0 && var.batching_window_seconds <= 300
    error_message = "Must be from 0 to 300."
  }
}

variable "parallelization_factor" {
  type        = number
  description = "Invocations that may run at the same time for each shard. Order does not matter to the agent."
  default     = 1
  validation {
    condition     = var.parallelization_factor >= 1 && var.parallelization_factor <= 10
    error_message = "Must be from 1 to 10."
  }
}

variable "maximum_record_age_seconds" {
  type        = number
  description = "When a batch that fails goes to the bucket of failed batches, so that the next one gets its turn. Keep it below stream_retention_hours: what the stream forgets first is lost."
  default     = 518400
  validation {
    condition     = var.maximum_record_age_seconds >= 60 && var.maximum_record_age_seconds <= 604800
    error_message = "Must be from 60 to 604800."
  }
}

variable "follow_log_groups" {
  type        = string
  description = "A prefix, such as /app/: each new log group whose name begins with it is subscribed as soon as it is made. A trail of CloudTrail must record management events in this region. Empty: run metertap attach."
  default     = ""
  validation {
    condition     = can(regex("^([A-Za-z0-9_/.#-]*)$", var.follow_log_groups))
    error_message = "Must match [A-Za-z0-9_/.#-]*."
  }
}

# Parameters: encryption and alarms

variable "kms_key_arn" {
  type        = string
  description = "A key of your own for stream, buckets and log. Its policy must let logs.amazonaws.com of this region use it. Empty: keys of AWS, which cost nothing. A key of your own costs $1 a month and $0.03 for 10,000 requests."
  default     = ""
  validation {
    condition     = can(regex("^(|arn:[a-z-]+:kms:.+:key/.+)$", var.kms_key_arn))
    error_message = "Must match |arn:[a-z-]+:kms:.+:key/.+."
  }
}

variable "alarm_topic_arn" {
  type        = string
  description = "The SNS topic that alarms are sent to. Empty, they are seen on the dashboard alone."
  default     = ""
  validation {
    condition     = can(regex("^(|arn:[a-z-]+:sns:.+)$", var.alarm_topic_arn))
    error_message = "Must match |arn:[a-z-]+:sns:.+."
  }
}

variable "rejects_alarm_threshold" {
  type        = number
  description = "Rejects within five minutes above which there is an alarm."
  default     = 0
  validation {
    condition     = var.rejects_alarm_threshold >= 0
    error_message = "Must be at least 0."
  }
}

variable "silence_hours" {
  type        = number
  description = "Hours without a single record after which there is an alarm."
  default     = 24
  validation {
    condition     = var.silence_hours >= 1 && var.silence_hours <= 168
    error_message = "Must be from 1 to 168."
  }
}

# Parameters: roles

variable "permissions_boundary_arn" {
  type        = string
  description = "The permissions boundary of each role that is made, where your account wants one."
  default     = ""
  validation {
    condition     = can(regex("^(|arn:[a-z-]+:iam::([0-9]{12}|aws):policy/.+)$", var.permissions_boundary_arn))
    error_message = "Must match |arn:[a-z-]+:iam::([0-9]{12}|aws):policy/.+."
  }
}

locals {
  is_stream             = var.mode == "stream"
  has_stream            = var.mode != "direct"
  is_direct             = var.mode != "stream"
  has_key               = var.kms_key_arn != ""
  follows               = var.follow_log_groups != ""
  account               = data.aws_caller_identity.current.account_id
  partition             = data.aws_partition.current.partition
  region                = data.aws_region.current.id
  sink_is_made          = var.ingest_url == "" && var.sink_bucket == ""
  sink_is_open_to_agent = var.sink_bucket != "" && var.sink_role_arn == "" && var.sink_credentials_secret_arn == ""
  alarm_actions         = var.alarm_topic_arn == "" ? null : [var.alarm_topic_arn]
  boundary              = var.permissions_boundary_arn == "" ? null : var.permissions_boundary_arn
  figures               = "Metertap/${var.name}"
  log_groups            = "arn:${local.partition}:logs:${local.region}:${local.account}:log-group"
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

# Buckets. Terraform destroys them only when they are empty.

resource "aws_s3_bucket" "bucket" {
  bucket_prefix = "${var.name}-meters-"
}

resource "aws_s3_bucket_server_side_encryption_configuration" "bucket" {
  bucket = aws_s3_bucket.bucket.id
  rule {
    bucket_key_enabled = local.has_key
    apply_server_side_encryption_by_default {
      sse_algorithm     = local.has_key ? "aws:kms" : "AES256"
      kms_master_key_id = local.has_key ? var.kms_key_arn : null
    }
  }
}

resource "aws_s3_bucket_public_access_block" "bucket" {
  bucket                  = aws_s3_bucket.bucket.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "bucket" {
  bucket = aws_s3_bucket.bucket.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "bucket" {
  bucket = aws_s3_bucket.bucket.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "bucket" {
  bucket = aws_s3_bucket.bucket.id
  rule {
    id     = "rejects"
    status = "Enabled"
    filter {
      prefix = "rejects/"
    }
    expiration {
      days = var.keep_days
    }
  }
  rule {
    id     = "manifests"
    status = "Enabled"
    filter {
      prefix = "manifest/"
    }
    expiration {
      days = var.keep_days
    }
  }
  rule {
    id     = "leftovers"
    status = "Enabled"
    filter {
      prefix = ""
    }
    noncurrent_version_expiration {
      noncurrent_days = 30
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

resource "aws_s3_bucket_policy" "bucket_policy" {
  bucket = aws_s3_bucket.bucket.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "RefusePlainHTTP"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [aws_s3_bucket.bucket.arn, "${aws_s3_bucket.bucket.arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }
    ]
  })
}

resource "aws_s3_bucket" "failed_batches" {
  bucket_prefix = "${var.name}-failed-"
}

resource "aws_s3_bucket_server_side_encryption_configuration" "failed_batches" {
  bucket = aws_s3_bucket.failed_batches.id
  rule {
    bucket_key_enabled = local.has_key
    apply_server_side_encryption_by_default {
      sse_algorithm     = local.has_key ? "aws:kms" : "AES256"
      kms_master_key_id = local.has_key ? var.kms_key_arn : null
    }
  }
}

resource "aws_s3_bucket_public_access_block" "failed_batches" {
  bucket                  = aws_s3_bucket.failed_batches.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "failed_batches" {
  bucket = aws_s3_bucket.failed_batches.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "failed_batches" {
  bucket = aws_s3_bucket.failed_batches.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "failed_batches" {
  bucket = aws_s3_bucket.failed_batches.id
  rule {
    id     = "failed-batches"
    status = "Enabled"
    filter {
      prefix = ""
    }
    expiration {
      days = var.keep_days
    }
    noncurrent_version_expiration {
      noncurrent_days = 30
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

# What alarm_dead_letters looks at.
resource "aws_s3_bucket_metric" "failed_batches" {
  bucket = aws_s3_bucket.failed_batches.id
  name   = "all"
}

resource "aws_s3_bucket_policy" "failed_batches_policy" {
  bucket = aws_s3_bucket.failed_batches.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "RefusePlainHTTP"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [aws_s3_bucket.failed_batches.arn, "${aws_s3_bucket.failed_batches.arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }
    ]
  })
}

# The stream, and the role in which CloudWatch Logs writes to it. Terraform does not destroy the stream, since it may hold
# log events that nobody has read yet: take the lifecycle away once it is empty.

resource "aws_kinesis_stream" "stream" {
  count            = local.has_stream ? 1 : 0
  name             = var.name
  shard_count      = var.shards == 0 ? null : var.shards
  retention_period = var.stream_retention_hours
  encryption_type  = "KMS"
  kms_key_id       = local.has_key ? var.kms_key_arn : "alias/aws/kinesis"
  stream_mode_details {
    stream_mode = var.shards == 0 ? "ON_DEMAND" : "PROVISIONED"
  }
  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_iam_role" "logs_role" {
  count                = local.has_stream ? 1 : 0
  name_prefix          = "${var.name}-logs-"
  description          = "CloudWatch Logs writes to the stream in this role"
  permissions_boundary = local.boundary
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { Service = "logs.amazonaws.com" }
        Action    = "sts:AssumeRole"
        Condition = {
          StringLike = { "aws:SourceArn" = "arn:${local.partition}:logs:${local.region}:${local.account}:*" }
        }
      }
    ]
  })
}

resource "aws_iam_role_policy" "logs_role" {
  count = local.has_stream ? 1 : 0
  name  = "write-to-stream"
  role  = aws_iam_role.logs_role[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "WriteToStream"
          Effect   = "Allow"
          Action   = "kinesis:PutRecord"
          Resource = aws_kinesis_stream.stream[0].arn
        }
      ],
      local.has_key ? [
        {
          Sid      = "EncryptForStream"
          Effect   = "Allow"
          Action   = "kms:GenerateDataKey"
          Resource = var.kms_key_arn
        }
      ] : []
    )
  })
}

# The agent.

resource "aws_iam_role" "agent_role" {
  name_prefix          = "${var.name}-agent-"
  description          = "What the agent may do, and what Lambda does for it"
  permissions_boundary = local.boundary
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { Service = "lambda.amazonaws.com" }
        Action    = "sts:AssumeRole"
      }
    ]
  })
}

resource "aws_iam_role_policy" "agent_role" {
  name = "agent"
  role = aws_iam_role.agent_role.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      # The agent's own calls.
      [
        {
          Sid      = "WriteRejects"
          Effect   = "Allow"
          Action   = "s3:PutObject"
          Resource = "${aws_s3_bucket.bucket.arn}/rejects/*"
        },
        {
          Sid      = local.sink_is_made ? "WriteRecords" : "WriteManifests"
          Effect   = "Allow"
          Action   = "s3:PutObject"
          Resource = "${aws_s3_bucket.bucket.arn}/${local.sink_is_made ? "ingest/records" : "manifest"}/*"
        }
      ],
      local.sink_is_open_to_agent ? [
        {
          Sid      = "WriteRecordsElsewhere"
          Effect   = "Allow"
          Action   = "s3:PutObject"
          Resource = "arn:${local.partition}:s3:::${var.sink_bucket}ingest/records/*"
        }
      ] : [],
      var.sink_role_arn != "" ? [
        {
          Sid      = "AssumeSinkRole"
          Effect   = "Allow"
          Action   = "sts:AssumeRole"
          Resource = var.sink_role_arn
        }
      ] : [],
      var.sink_credentials_secret_arn != "" ? [
        {
          Sid      = "ReadSinkCredentials"
          Effect   = "Allow"
          Action   = "secretsmanager:GetSecretValue"
          Resource = var.sink_credentials_secret_arn
        }
      ] : [],
      var.api_key_secret_arn != "" ? [
        {
          Sid      = "ReadApiKey"
          Effect   = "Allow"
          Action   = "secretsmanager:GetSecretValue"
          Resource = var.api_key_secret_arn
        }
      ] : [],
      # What Lambda, S3 and Kinesis do in this role.
      [
        {
          Sid      = "WriteOwnLog"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = "${local.log_groups}:/aws/lambda/${var.name}-agent:*"
        }
      ],
      local.has_stream ? [
        {
          Sid    = "ReadStream"
          Effect = "Allow"
          Action = [
            "kinesis:DescribeStream",
            "kinesis:DescribeStreamSummary",
            "kinesis:GetRecords",
            "kinesis:GetShardIterator",
            "kinesis:ListShards"
          ]
          Resource = aws_kinesis_stream.stream[0].arn
        }
      ] : [],
      [
        {
          Sid      = "KeepFailedBatches"
          Effect   = "Allow"
          Action   = "s3:PutObject"
          Resource = "${aws_s3_bucket.failed_batches.arn}/*"
        },
        {
          Sid      = "CheckBucketOfFailedBatches"
          Effect   = "Allow"
          Action   = "s3:ListBucket"
          Resource = aws_s3_bucket.failed_batches.arn
        }
      ],
      local.has_key && local.has_stream ? [
        {
          Sid      = "DecryptStream"
          Effect   = "Allow"
          Action   = "kms:Decrypt"
          Resource = var.kms_key_arn
        }
      ] : [],
      local.has_key ? [
        {
          Sid      = "EncryptObjects"
          Effect   = "Allow"
          Action   = "kms:GenerateDataKey"
          Resource = var.kms_key_arn
        }
      ] : []
    )
  })
}

# Never subscribe this one.
resource "aws_cloudwatch_log_group" "agent_log" {
  name              = "/aws/lambda/${var.name}-agent"
  retention_in_days = var.log_retention_days
  kms_key_id        = local.has_key ? var.kms_key_arn : null
}

resource "aws_lambda_function" "agent" {
  function_name = "${var.name}-agent"
  description   = "Metertap finds the meter records in log events and delivers them"
  runtime       = "provided.al2023"
  handler       = "bootstrap"
  architectures = [var.architecture]
  s3_bucket     = var.code_bucket
  s3_key        = var.code_key
  memory_size   = var.memory_size
  timeout       = var.timeout
  role          = aws_iam_role.agent_role.arn
  logging_config {
    log_group  = aws_cloudwatch_log_group.agent_log.name
    log_format = "Text"
  }
  # An empty variable counts as absent. None holds a secret.
  environment {
    variables = {
      METERTAP_SINK                        = var.ingest_url != "" ? var.ingest_url : var.sink_bucket != "" ? "s3://${var.sink_bucket}" : "s3://${aws_s3_bucket.bucket.id}/"
      METERTAP_REJECTS                     = "s3://${aws_s3_bucket.bucket.id}/"
      METERTAP_API_KEY_SECRET_ARN          = var.api_key_secret_arn
      METERTAP_SINK_REGION                 = var.sink_region
      METERTAP_SINK_ROLE_ARN               = var.sink_role_arn
      METERTAP_SINK_EXTERNAL_ID            = var.sink_external_id
      METERTAP_SINK_CREDENTIALS_SECRET_ARN = var.sink_credentials_secret_arn
      METERTAP_SINK_ACL                    = var.sink_acl
      METERTAP_SINK_ENCRYPTION             = var.sink_encryption
      METERTAP_TAGS                        = var.tags
      METERTAP_ALLOW_MISSING_CUSTOMER      = tostring(var.allow_missing_customer)
    }
  }
  depends_on = [aws_iam_role_policy.agent_role]
}

# With a stream: what is not acknowledged comes again until it is too old, and is kept then.
resource "aws_lambda_event_source_mapping" "mapping" {
  count                              = local.has_stream ? 1 : 0
  function_name                      = aws_lambda_function.agent.function_name
  event_source_arn                   = aws_kinesis_stream.stream[0].arn
  starting_position                  = "TRIM_HORIZON"
  batch_size                         = 1000
  maximum_batching_window_in_seconds = var.batching_window_seconds
  parallelization_factor             = var.parallelization_factor
  function_response_types            = ["ReportBatchItemFailures"]
  bisect_batch_on_function_error     = true
  maximum_retry_attempts             = -1
  maximum_record_age_in_seconds      = var.maximum_record_age_seconds
  destination_config {
    on_failure {
      destination_arn = aws_s3_bucket.failed_batches.arn
    }
  }
}

# Without: two more attempts within six hours, which is the most that Lambda has.
resource "aws_lambda_function_event_invoke_config" "retries" {
  count                        = local.is_direct ? 1 : 0
  function_name                = aws_lambda_function.agent.function_name
  qualifier                    = "$LATEST"
  maximum_retry_attempts       = 2
  maximum_event_age_in_seconds = 21600
  destination_config {
    on_failure {
      destination = aws_s3_bucket.failed_batches.arn
    }
  }
}

# Any log group of this account in this region: which ones are attached is not known here.
resource "aws_lambda_permission" "logs_may_invoke" {
  count          = local.is_direct ? 1 : 0
  function_name  = aws_lambda_function.agent.function_name
  action         = "lambda:InvokeFunction"
  principal      = "logs.amazonaws.com"
  source_account = local.account
  source_arn     = "${local.log_groups}:*"
}

# New log groups: CloudTrail tells EventBridge, and a state machine puts the subscription filter.

resource "aws_cloudwatch_event_rule" "follow_rule" {
  count       = local.follows ? 1 : 0
  name        = "${var.name}-follow"
  description = "A log group was made that Metertap subscribes"
  state       = "ENABLED"
  event_pattern = jsonencode({
    source      = ["aws.logs"]
    detail-type = ["AWS API Call via CloudTrail"]
    detail = {
      eventSource       = ["logs.amazonaws.com"]
      eventName         = ["CreateLogGroup"]
      errorCode         = [{ exists = false }]
      requestParameters = { logGroupName = [{ prefix = var.follow_log_groups }] }
    }
  })
}

resource "aws_cloudwatch_event_target" "follow_rule" {
  count     = local.follows ? 1 : 0
  rule      = aws_cloudwatch_event_rule.follow_rule[0].name
  target_id = "follow"
  arn       = aws_sfn_state_machine.follow_machine[0].arn
  role_arn  = aws_iam_role.follow_rule_role[0].arn
}

resource "aws_iam_role" "follow_rule_role" {
  count                = local.follows ? 1 : 0
  name_prefix          = "${var.name}-rule-"
  description          = "EventBridge starts the state machine in this role"
  permissions_boundary = local.boundary
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sts:AssumeRole"
      }
    ]
  })
}

resource "aws_iam_role_policy" "follow_rule_role" {
  count = local.follows ? 1 : 0
  name  = "start"
  role  = aws_iam_role.follow_rule_role[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "StartFollowing"
        Effect   = "Allow"
        Action   = "states:StartExecution"
        Resource = aws_sfn_state_machine.follow_machine[0].arn
      }
    ]
  })
}

resource "aws_sfn_state_machine" "follow_machine" {
  count    = local.follows ? 1 : 0
  name     = "${var.name}-follow"
  type     = "STANDARD"
  role_arn = aws_iam_role.follow_machine_role[0].arn
  definition = jsonencode({
    Comment = "Subscribes a new log group"
    StartAt = "Which"
    States = {
      # Never the agent's own, and none of a class that has no subscriptions.
      Which = {
        Type = "Choice"
        Choices = [
          {
            Variable     = "$.detail.requestParameters.logGroupName"
            StringEquals = aws_cloudwatch_log_group.agent_log.name
            Next         = "LeaveOut"
          },
          {
            And = [
              {
                Variable  = "$.detail.requestParameters.logGroupClass"
                IsPresent = true
              },
              {
                Not = {
                  Variable     = "$.detail.requestParameters.logGroupClass"
                  StringEquals = "STANDARD"
                }
              }
            ]
            Next = "LeaveOut"
          }
        ]
        Default = "Attach"
      }
      LeaveOut = {
        Type = "Succeed"
      }
      # As metertap attach does.
      Attach = {
        Type     = "Task"
        Resource = "arn:${local.partition}:states:::aws-sdk:cloudwatchlogs:putSubscriptionFilter"
        Parameters = {
          for name, value in {
            "LogGroupName.$" = "$.detail.requestParameters.logGroupName"
            FilterName       = "metertap"
            FilterPattern    = "%${join("|", split(",", var.tags))}%"
            DestinationArn   = local.is_stream ? aws_kinesis_stream.stream[0].arn : aws_lambda_function.agent.arn
            RoleArn          = local.is_stream ? aws_iam_role.logs_role[0].arn : null
            Distribution     = local.is_stream ? "Random" : null
          } : name => value if value != null
        }
        Retry = [
          {
            ErrorEquals     = ["States.ALL"]
            IntervalSeconds = 10
            MaxAttempts     = 6
            BackoffRate     = 2
          }
        ]
        End = true
      }
    }
  })
  depends_on = [aws_iam_role_policy.follow_machine_role]
}

resource "aws_iam_role" "follow_machine_role" {
  count                = local.follows ? 1 : 0
  name_prefix          = "${var.name}-follow-"
  description          = "The state machine puts subscription filters in this role"
  permissions_boundary = local.boundary
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { Service = "states.amazonaws.com" }
        Action    = "sts:AssumeRole"
        Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
      }
    ]
  })
}

resource "aws_iam_role_policy" "follow_machine_role" {
  count = local.follows ? 1 : 0
  name  = "subscribe"
  role  = aws_iam_role.follow_machine_role[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      # Log groups that are not there yet have no other names than what they begin with.
      [
        {
          Sid      = "Subscribe"
          Effect   = "Allow"
          Action   = "logs:PutSubscriptionFilter"
          Resource = "${local.log_groups}:${var.follow_log_groups}*"
        }
      ],
      local.is_stream ? [
        {
          Sid       = "LetLogsWriteToStream"
          Effect    = "Allow"
          Action    = "iam:PassRole"
          Resource  = aws_iam_role.logs_role[0].arn
          Condition = { StringEquals = { "iam:PassedToService" = "logs.amazonaws.com" } }
        }
      ] : []
    )
  })
}

# Figures of the agent's accounting line.

resource "aws_cloudwatch_log_metric_filter" "count_delivered" {
  name           = "delivered"
  log_group_name = aws_cloudwatch_log_group.agent_log.name
  pattern        = "{ $.delivered > 0 }"
  metric_transformation {
    name      = "Delivered"
    namespace = local.figures
    value     = "$.delivered"
  }
}

resource "aws_cloudwatch_log_metric_filter" "count_rejected" {
  name           = "rejected"
  log_group_name = aws_cloudwatch_log_group.agent_log.name
  pattern        = "{ $.rejected > 0 }"
  metric_transformation {
    name      = "Rejected"
    namespace = local.figures
    value     = "$.rejected"
  }
}

resource "aws_cloudwatch_log_metric_filter" "count_failed" {
  name           = "failed"
  log_group_name = aws_cloudwatch_log_group.agent_log.name
  pattern        = "{ $.metertap = \"failed\" }"
  metric_transformation {
    name      = "Failed"
    namespace = local.figures
    value     = "1"
  }
}

# Alarms, each $0.10 a month; the first one $0.10 for each attached log group.

resource "aws_cloudwatch_metric_alarm" "alarm_dropped" {
  alarm_name          = "${var.name}-dropped"
  alarm_description   = "CloudWatch Logs could not deliver and drops log events: their meters are lost for the bill until an audit repairs them. Look at the stream and the role of CloudWatch Logs, then run metertap audit --repair."
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  metric_query {
    id          = "dropped"
    expression  = "SELECT SUM(DeliveryErrors) FROM SCHEMA(\"AWS/Logs\", DestinationType, FilterName, LogGroupName) WHERE FilterName = 'metertap'"
    period      = 300
    return_data = true
  }
}

resource "aws_cloudwatch_metric_alarm" "alarm_dead_letters" {
  alarm_name        = "${var.name}-dead-letters"
  alarm_description = "Lambda gave a batch up. It is kept in the bucket of failed batches and is not billed until it is delivered again."
  namespace         = "AWS/S3"
  metric_name       = "PutRequests"
  dimensions = {
    BucketName = aws_s3_bucket.failed_batches.id
    FilterId   = "all"
  }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "alarm_lost" {
  alarm_name        = "${var.name}-lost"
  alarm_description = "Lambda gave a batch up and could not keep it: its meters are lost for the bill until an audit repairs them. Look at the role of the agent and the bucket of failed batches, then run metertap audit --repair."
  namespace         = "AWS/Lambda"
  metric_name       = "DestinationDeliveryFailures"
  dimensions = {
    FunctionName = aws_lambda_function.agent.function_name
  }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "alarm_behind" {
  alarm_name        = "${var.name}-behind"
  alarm_description = "Log events wait for more than an hour. Nothing is lost yet; at the stream's retention, or after six hours without a stream, it is. Look at the alarms of failures, errors and throttles."
  namespace         = "AWS/Lambda"
  metric_name       = local.has_stream ? "IteratorAge" : "AsyncEventAge"
  dimensions = {
    FunctionName = aws_lambda_function.agent.function_name
  }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 3600000
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "alarm_failed" {
  alarm_name          = "${var.name}-failed"
  alarm_description   = "The agent cannot deliver: a setting, a permission, or the sink. Nothing is lost yet. errorKind and error in the agent's log say what."
  namespace           = local.figures
  metric_name         = "Failed"
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 2
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "alarm_errors" {
  alarm_name        = "${var.name}-errors"
  alarm_description = "The agent ended without an answer: it cannot start, ran out of time or memory, or got an event of another service. Nothing is lost yet. Its log says why."
  namespace         = "AWS/Lambda"
  metric_name       = "Errors"
  dimensions = {
    FunctionName = aws_lambda_function.agent.function_name
  }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "alarm_throttles" {
  alarm_name        = "${var.name}-throttles"
  alarm_description = "Lambda holds the agent back, since the account has no concurrency left. Records are late, not lost."
  namespace         = "AWS/Lambda"
  metric_name       = "Throttles"
  dimensions = {
    FunctionName = aws_lambda_function.agent.function_name
  }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 3
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "alarm_stream_full" {
  count             = local.has_stream ? 1 : 0
  alarm_name        = "${var.name}-stream-full"
  alarm_description = "The stream takes no more. CloudWatch Logs tries again for a day and then drops log events. Add shards, or let it scale on demand."
  namespace         = "AWS/Kinesis"
  metric_name       = "WriteProvisionedThroughputExceeded"
  dimensions = {
    StreamName = aws_kinesis_stream.stream[0].name
  }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 3
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "alarm_rejects" {
  alarm_name          = "${var.name}-rejects"
  alarm_description   = "An application writes meter records that cannot be billed. They are kept below rejects/ with their reason."
  namespace           = local.figures
  metric_name         = "Rejected"
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = var.rejects_alarm_threshold
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "alarm_silence" {
  alarm_name          = "${var.name}-silence"
  alarm_description   = "Not one record was delivered. Either no application meters anything, or log events do not come: look at the subscription filters."
  namespace           = local.figures
  metric_name         = "Delivered"
  statistic           = "Sum"
  period              = 3600
  evaluation_periods  = var.silence_hours
  threshold           = 1
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching"
  alarm_actions       = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "alarm_follow" {
  count             = local.follows ? 1 : 0
  alarm_name        = "${var.name}-follow"
  alarm_description = "A new log group could not be subscribed: its meters are not billed. The execution of the state machine says why; then run metertap attach, and metertap audit --repair for what was logged until then."
  namespace         = "AWS/States"
  metric_name       = "ExecutionsFailed"
  dimensions = {
    StateMachineArn = aws_sfn_state_machine.follow_machine[0].arn
  }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
}

resource "aws_cloudwatch_dashboard" "dashboard" {
  dashboard_name = "${var.name}-${local.region}"
  dashboard_body = jsonencode({
    widgets = [
      {
        type   = "metric"
        x      = 0
        y      = 0
        width  = 12
        height = 6
        properties = {
          title  = "Records and rejects"
          region = local.region
          stat   = "Sum"
          period = 300
          metrics = [
            [local.figures, "Delivered"],
            [local.figures, "Rejected"]
          ]
        }
      },
      {
        type   = "metric"
        x      = 12
        y      = 0
        width  = 12
        height = 6
        properties = {
          title  = "How long log events wait (ms)"
          region = local.region
          stat   = "Maximum"
          period = 300
          metrics = [
            ["AWS/Lambda", local.has_stream ? "IteratorAge" : "AsyncEventAge", "FunctionName", aws_lambda_function.agent.function_name]
          ]
        }
      },
      {
        type   = "metric"
        x      = 0
        y      = 6
        width  = 12
        height = 6
        properties = {
          title  = "What goes wrong"
          region = local.region
          stat   = "Sum"
          period = 300
          metrics = [
            [local.figures, "Failed"],
            ["AWS/Lambda", "Errors", "FunctionName", aws_lambda_function.agent.function_name],
            ["AWS/Lambda", "Throttles", "FunctionName", aws_lambda_function.agent.function_name],
            ["AWS/Lambda", "DestinationDeliveryFailures", "FunctionName", aws_lambda_function.agent.function_name],
            ["AWS/Kinesis", "WriteProvisionedThroughputExceeded", "StreamName", var.name],
            ["AWS/S3", "PutRequests", "BucketName", aws_s3_bucket.failed_batches.id, "FilterId", "all"]
          ]
        }
      },
      {
        type   = "metric"
        x      = 12
        y      = 6
        width  = 12
        height = 6
        properties = {
          title  = "Log events that CloudWatch Logs could not deliver"
          region = local.region
          stat   = "Sum"
          period = 300
          metrics = [
            [
              {
                expression = "SEARCH('{AWS/Logs,DestinationType,FilterName,LogGroupName} FilterName=\"metertap\" MetricName=\"DeliveryErrors\"', 'Sum')"
              }
            ],
            [
              {
                expression = "SEARCH('{AWS/Logs,DestinationType,FilterName,LogGroupName} FilterName=\"metertap\" MetricName=\"DeliveryThrottling\"', 'Sum')"
              }
            ]
          ]
        }
      },
      {
        type   = "metric"
        x      = 0
        y      = 12
        width  = 12
        height = 6
        properties = {
          title  = "Invocations"
          region = local.region
          stat   = "Sum"
          period = 300
          metrics = [
            ["AWS/Lambda", "Invocations", "FunctionName", aws_lambda_function.agent.function_name],
            ["AWS/Lambda", "Duration", "FunctionName", aws_lambda_function.agent.function_name, { stat = "p99", yAxis = "right" }]
          ]
        }
      },
      {
        type   = "metric"
        x      = 12
        y      = 12
        width  = 12
        height = 6
        properties = {
          title  = "Into the stream"
          region = local.region
          stat   = "Sum"
          period = 300
          metrics = [
            ["AWS/Kinesis", "IncomingRecords", "StreamName", var.name],
            ["AWS/Kinesis", "IncomingBytes", "StreamName", var.name, { yAxis = "right" }]
          ]
        }
      }
    ]
  })
}

output "stream_arn" {
  description = "Where metertap attach lets CloudWatch Logs deliver to"
  value       = local.has_stream ? aws_kinesis_stream.stream[0].arn : null
}

output "logs_role_arn" {
  description = "The role in which CloudWatch Logs writes to the stream"
  value       = local.has_stream ? aws_iam_role.logs_role[0].arn : null
}

output "function_arn" {
  description = "The agent; in direct mode, where metertap attach lets CloudWatch Logs deliver to"
  value       = aws_lambda_function.agent.arn
}

output "bucket_name" {
  description = "The bucket of records, rejects and manifests"
  value       = aws_s3_bucket.bucket.id
}

output "failed_batches_name" {
  description = "The bucket of batches that Lambda gave up"
  value       = aws_s3_bucket.failed_batches.id
}

output "agent_log_name" {
  description = "The agent's own log group, which must never be attached"
  value       = aws_cloudwatch_log_group.agent_log.name
}
