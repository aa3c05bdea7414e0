package import Store
import Testing

/// One thing that every store keeps, and a check of it.
///
/// An implementation passes when `check` finds nothing with a new, empty store for each of `all`:
///
/// ```swift
/// @Test(arguments: StorePromise.all) func keeps(_ promise: StorePromise) async throws {
///     try await promise.check(try makeEmptyStore())
/// }
/// ```
package struct StorePromise: Sendable, CustomTestStringConvertible {
    package let testDescription: String
    /// Checks the promise with a store that is new and empty.
    package let check: @Sendable (any Store) async throws -> Void

    init(_ testDescription: String, _ check: @escaping @Sendable (any Store) async throws -> Void) {
        self.testDescription = testDescription
        self.check = check
    }

    /// Everything that a store promises.
    package static let all =
        counting + cancels + definitions + reading + bookkeeping + retention + explaining + diagnosing + usage
}
