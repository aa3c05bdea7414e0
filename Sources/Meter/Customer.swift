/// Who uses what is metered.
public struct Customer: Sendable, Codable {
    /// The name that records use; 1 to 256 bytes.
    public var customerId: String
    /// The name for people.
    public var customerName: String
    /// Where to write to.
    public var customerEmail: String?
    /// What is worth knowing.
    public var description: String?
    /// Whatever else is known, by name.
    public var traits: [String: String]
    /// Whether the customer is in business; kept for the reader, it does not bear on the count.
    public var enabled: Bool
    /// Where the customer stands, for example `trial` or `active`.
    public var lifecycleStage: String?
    /// When it was defined, in milliseconds since 1970.
    public var createTime: Int64
    /// When it was last changed, in milliseconds since 1970.
    public var updateTime: Int64

    /// Makes a customer.
    public init(
        customerId: String, customerName: String, customerEmail: String? = nil, description: String? = nil,
        traits: [String: String] = [:], enabled: Bool = true, lifecycleStage: String? = nil, createTime: Int64 = 0,
        updateTime: Int64 = 0
    ) {
        self.customerId = customerId
        self.customerName = customerName
        self.customerEmail = customerEmail
        self.description = description
        self.traits = traits
        self.enabled = enabled
        self.lifecycleStage = lifecycleStage
        self.createTime = createTime
        self.updateTime = updateTime
    }
}
