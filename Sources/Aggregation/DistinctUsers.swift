/// The distinct users of each bucket and of each group.
struct DistinctUsers {
    private struct Place: Hashable {
        let user: Int32
        let row: Int32
        let start: Int64
    }

    private struct RowPlace: Hashable {
        let user: Int32
        let row: Int32
    }

    /// A short number for each user.
    private var numbers: [ByteKey: Int32] = [:]
    private var inBuckets: Set<Place> = []
    private var inRows: Set<RowPlace> = []

    /// Remembers a user, and says where nothing was known of it.
    mutating func insert(_ user: [UInt8], row: Int, start: Int64) -> (isNewInBucket: Bool, isNewInRow: Bool) {
        let key = ByteKey(bytes: user)
        let number = numbers[key] ?? Int32(numbers.count)
        numbers[key] = number
        let row = Int32(row)
        guard inBuckets.insert(Place(user: number, row: row, start: start)).inserted else { return (false, false) }
        return (true, inRows.insert(RowPlace(user: number, row: row)).inserted)
    }
}
