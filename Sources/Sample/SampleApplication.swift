import MeterLine

/// A made-up application of several services, each with its own logger, that meters its usage by log lines.
///
/// It writes what real ones write: records in every form, chatter, lines that only mention a tag, and now and then a
/// broken one. The same seed gives the same lines.
public struct SampleApplication: Sendable {
    /// One line that a service wrote.
    public struct Line: Sendable {
        /// The service, which is also the name of its log group.
        public var service: String
        /// The instance of the service, which is also the name of its log stream.
        public var instance: String
        /// When, in milliseconds since 1970.
        public var timestamp: Int64
        /// What.
        public var message: String
        /// How many valid records it holds.
        public var records: Int
        /// How many values behind tags it holds that are no valid records.
        public var rejects: Int
    }

    private var random: SeededRandom
    private let customers = ["acme", "globex", "initech", "umbrella", "hooli", "stark"]

    /// Starts an application.
    public init(seed: UInt64) {
        random = SeededRandom(seed: seed)
    }

    /// The next line, whichever service writes it.
    public mutating func nextLine(at timestamp: Int64) -> Line {
        let service = ["checkout-api", "search", "gateway", "media-worker", "legacy-billing"][random.next(below: 5)]
        var line = Line(
            service: service, instance: "\(service)-\(random.next(below: 3))", timestamp: timestamp, message: "",
            records: 0, rejects: 0)
        switch random.next(below: 20) {
        case 0..<8:
            line.message = chatter()
        case 8:
            line.message = "DEBUG reading amberflo_meter config from /etc/\(service).yaml"
        case 9:
            line.message = broken()
            line.rejects = 1
        default:
            (line.message, line.records) = metered(service)
        }
        return line
    }

    private mutating func chatter() -> String {
        switch random.next(below: 4) {
        case 0: "INFO GET /v1/orders/\(random.next(below: 90_000)) 200 \(random.next(below: 80)) ms"
        case 1: "{\"level\":\"info\",\"message\":\"cache warmed\",\"entries\":\(random.next(below: 5_000))}"
        case 2: "WARN retrying upstream attempt=\(1 + random.next(below: 3))"
        default: "level=debug msg=\"health check\" ok=true"
        }
    }

    private mutating func broken() -> String {
        let customer = customer()
        return switch random.next(below: 4) {
        case 0: "INFO amberflo_meter: {\"customerId\":\"\(customer)\",\"meterApiName\":\"ApiCalls\",\"meterVal"
        case 1: "INFO amberflo_meter: {'customerId': '\(customer)', 'meterApiName': 'ApiCalls', 'meterValue': 1}"
        case 2: "INFO amberflo_meter: {\"meterApiName\":\"ApiCalls\",\"meterValue\":1}"
        default:
            "INFO amberflo_meter: {\"customerId\":\"\(customer)\",\"meterApiName\":\"ApiCalls\",\"meterValue\":\"many\"}"
        }
    }

    /// A line with records, in the way of a service.
    private mutating func metered(_ service: String) -> (String, records: Int) {
        let customer = customer()
        let milliseconds = random.next(below: 400)
        switch service {
        case "checkout-api":
            let record = record(
                customer, "ApiCalls", "1", "\"dimensions\":{\"method\":\"POST\",\"route\":\"/v1/orders\"}")
            return ("INFO request done amberflo_meter: \(record) took \(milliseconds) ms", 1)
        case "search":
            // Lambda's JSON log format: the application's line is a string in the runtime's document.
            let record = record(customer, "Searches", "1", "\"dimensions\":{\"index\":\"products\"}")
            var document = Array(
                "{\"level\":\"INFO\",\"requestId\":\"\(random.next(below: 1 << 30))\",\"message\":".utf8)
            appendJSONString("meter_record_for_cw \(record)", to: &document)
            return (String(decoding: document, as: UTF8.self) + "}", 1)
        case "gateway":
            let record = record(
                customer, "EgressGB", "0.\(100 + random.next(below: 900))", "\"region\":\"eu-central-1\"")
            var line = Array("level=info msg=served amberflo_meter=".utf8)
            appendJSONString(record, to: &line)
            return (String(decoding: line, as: UTF8.self), 1)
        case "media-worker":
            let values =
                "{\"customerId\":\"\(customer)\",\"values\":{\"TranscodedMinutes\":\(random.next(below: 90)).5,"
                + "\"StoredGB\":\(random.next(below: 40))}}"
            return ("{\"level\":\"info\",\"job\":{\"id\":\(milliseconds),\"amberflo_meter\":\(values)}}", 2)
        default:
            return (
                "[billing] meter_record_for_stream {\"tenant_id\":\"\(customer)\",\"meter_name\":\"Seats\","
                    + "\"meter_value\":\"\(1 + random.next(below: 20))\",\"dimensions\":[{\"Name\":\"plan\",\"Value\":\"pro\"}]}",
                1
            )
        }
    }

    private func record(_ customer: String, _ meter: String, _ value: String, _ more: String) -> String {
        "{\"customerId\":\"\(customer)\",\"meterApiName\":\"\(meter)\",\"meterValue\":\(value),\(more)}"
    }

    private mutating func customer() -> String { customers[random.next(below: customers.count)] }
}

/// A generator of random numbers that gives the same numbers for the same seed (SplitMix64, Steele et al.
///
/// 2014).
public struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// Starts at a seed.
    public init(seed: UInt64) {
        state = seed
    }

    /// The next number.
    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to and without `bound`.
    public mutating func next(below bound: Int) -> Int {
        Int(next(upperBound: UInt64(bound)))
    }
}
