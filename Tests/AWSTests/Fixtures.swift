import AWS
import HTTP
import HTTPTesting
import HTTPTypes

let fixedCredentials = Credentials(accessKeyID: "AKIDEXAMPLE", secretAccessKey: "s3cr3t")

/// A session with given credentials, in eu-west-1 unless the environment says otherwise.
func session(
    _ transport: FakeTransport, environment: [String: String] = [:], time: FakeTime = FakeTime(),
    credentials: any CredentialsProvider = FixedCredentials(fixedCredentials)
) throws -> AWSSession {
    let environment = ["AWS_REGION": "eu-west-1"].merging(environment) { $1 }
    return AWSSession(
        settings: try AWSSettings(environment: environment) { _ in nil }, transport: transport,
        credentials: credentials, clocks: time.clocks, random: { 0 })
}

/// Settings from an environment and files that a test gives.
func settings(_ environment: [String: String] = [:], files: [String: String] = [:]) throws(AWSError) -> AWSSettings {
    try AWSSettings(environment: environment) { path in files[path].map { Array($0.utf8) } }
}

/// What STS answers.
func assumedRole(_ operation: String, id: String = "ASIAROLE", expiration: String = "2015-08-30T13:36:00Z") -> Response
{
    Response(
        200,
        """
        <\(operation)Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><\(operation)Result>
          <AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/r/s</Arn></AssumedRoleUser>
          <Credentials><AccessKeyId>\(id)</AccessKeyId><SecretAccessKey>roleSecret</SecretAccessKey>
          <SessionToken>roleToken</SessionToken><Expiration>\(expiration)</Expiration></Credentials>
        </\(operation)Result></\(operation)Response>
        """)
}

/// What the credentials of `assumedRole` are.
let roleCredentials = Credentials(
    accessKeyID: "ASIAROLE", secretAccessKey: "roleSecret", sessionToken: "roleToken",
    expiration: UnixTime(seconds: 1_440_941_760))

/// What container and instance endpoints answer.
let metadataAnswer = """
    {"Code": "Success", "LastUpdated": "2015-08-30T12:00:00Z", "Type": "AWS-HMAC", "AccessKeyId": "ASIAROLE",
     "SecretAccessKey": "roleSecret", "Token": "roleToken", "Expiration": "2015-08-30T13:36:00Z", "RoleArn": "x"}
    """

/// An error as S3 answers it.
func s3Error(_ status: Int, _ code: String, fields: HTTPFields = [:], more: String = "") -> Response {
    Response(
        status, fields: fields,
        """
        <?xml version="1.0" encoding="UTF-8"?>
        <Error><Code>\(code)</Code><Message>What \(code) means</Message>\(more)<RequestId>REQ1</RequestId></Error>
        """)
}
