import AWS

/// Who asks, and whether this machine's clock is right.
enum CallerChecks {
    /// AWS refuses signatures that are five minutes off.
    private static let mostSecondsOff: Int64 = 60

    static func run(_ setUp: SetUp) -> [Finding] {
        credentials(setUp) + clock(setUp)
    }

    private static func credentials(_ setUp: SetUp) -> [Finding] {
        guard let error = setUp.caller.error else { return [] }
        let isReached = error.kind != .transient
        return [
            Finding(
                .credentials, .unknown, "these credentials",
                isReached
                    ? "AWS does not take the credentials of this machine, or there are none."
                    : "AWS could not be reached from this machine.",
                consequence: "Nothing could be looked at, so that nobody knows what is missing from the bill.",
                remedy: isReached
                    ? "Set AWS_PROFILE, or the keys and the region, as for the AWS CLI; `aws sts get-caller-identity` "
                        + "shows whether they work."
                    : "Check the network, a proxy, and AWS_ENDPOINT_URL; `aws sts get-caller-identity` shows whether it "
                        + "works.", evidence: ["\(error)"])
        ]
    }

    private static func clock(_ setUp: SetUp) -> [Finding] {
        guard let caller = setUp.caller.value, abs(caller.secondsAhead) > mostSecondsOff else { return [] }
        let way = caller.secondsAhead > 0 ? "behind" : "ahead of"
        return [
            Finding(
                .clock, .risk, "this machine's clock", "The clock is \(abs(caller.secondsAhead)) s \(way) AWS's.",
                consequence: "From five minutes on AWS refuses every call; a collector or a producer on this machine "
                    + "writes times that put meters into the wrong hour of the bill.",
                remedy: "Set the clock by NTP, for example with `timedatectl set-ntp true`.",
                evidence: ["Date of GetCallerIdentity: \(caller.secondsAhead) s from this machine's time"])
        ]
    }
}
