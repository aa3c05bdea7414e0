import AWS
import Testing

@Suite struct PolicyStatementTests {
    private let permission = LambdaClient.Permission(
        statementID: "metertap-attach", sourceAccount: "123456789012",
        sourceArn: "arn:aws:logs:eu-central-1:123456789012:log-group:*")

    @Test(arguments: [
        (#""Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:logs:eu-central-1:123456789012:log-group:*"}}"#, true),
        (#""Condition":{"ArnLike":{"aws:SourceArn":["arn:x","arn:aws:logs:*:123456789012:*"]}}"#, true),
        (#""Condition":{"StringEquals":{"AWS:SourceAccount":"123456789012"}}"#, true),
        (#""Condition":{"StringEquals":{"AWS:SourceAccount":"210987654321"}}"#, false),
        (
            #""Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:logs:eu-central-1:123456789012:log-group:/app/*"}}"#,
            false
        ),
        (#""Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:logs:eu-central-1:123456789012:log-group:?"}}"#, false),
        (#""Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:logs:us-east-1:123456789012:*"}}"#, false),
        (#""Condition":{"StringEquals":{"AWS:PrincipalOrgID":"o-1"}}"#, false),
        (#""Condition":{"Bool":{"aws:SecureTransport":"true"}}"#, false),
        (#""Sid":"anybody""#, true),
    ])
    func whatGivesTheSame(_ rest: String, _ gives: Bool) throws {
        let text = #"""
            {"Statement":{"Effect":"Allow","Principal":{"Service":["logs.amazonaws.com"]},
            "Action":"lambda:Invoke*",\#(rest)}}
            """#
        let statements = try #require(PolicyStatement.read(text))
        #expect(statements.map { $0.gives(permission) } == [gives])
    }

    @Test(arguments: [
        #"{"Effect":"Deny","Principal":"*","Action":"*"}"#,
        #"{"Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction"}"#,
        #"{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"lambda:InvokeFunction"}"#,
        #"{"Effect":"Allow","Principal":{"Service":"logs.amazonaws.com"},"Action":"lambda:GetFunction"}"#,
        #"{"Effect":"Allow","Principal":{"Service":"logs.amazonaws.com"},"NotAction":"lambda:GetFunction"}"#,
        #"{"Effect":"Allow","NotPrincipal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction"}"#,
    ])
    func whatDoesNot(_ statement: String) throws {
        let statements = try #require(PolicyStatement.read(#"{"Statement":[\#(statement)]}"#))
        #expect(statements.count == 1 && !statements[0].gives(permission))
    }

    @Test func whatIsNoPolicy() {
        #expect(PolicyStatement.read("no") == nil && PolicyStatement.read("{}") == nil)
    }
}
