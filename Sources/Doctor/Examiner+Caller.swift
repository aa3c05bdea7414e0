import AWS

extension Examiner {
    func examineCaller(_ setUp: inout SetUp) async {
        setUp.caller = await .of { () throws(AWSError) in
            let identity = try await STSClient(session, region: region).callerIdentity()
            return SetUp.Caller(
                account: identity.account, arn: identity.arn, secondsAhead: identity.secondsAhead ?? 0)
        }
    }
}
