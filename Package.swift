// swift-tools-version: 6.3
import PackageDescription

/// One set of settings for every Swift target, so that no target is stricter or laxer than its neighbour.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .enableUpcomingFeature("ImmutableWeakCaptures"),
    .treatAllWarnings(as: .error),
]

/// Libraries also check every use of unsafe memory.
///
/// Test macros trip over the check, so tests go without it.
let librarySettings: [SwiftSetting] = settings + [.strictMemorySafety()]

let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")

let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

let package = Package(
    name: "metertap",
    platforms: [.macOS("26.0")],
    products: [
        .executable(name: "metertap", targets: ["metertap"]),
        .executable(name: "metertap-lambda", targets: ["metertap-lambda"]),
    ],
    dependencies: [
        // An oracle of the tests alone.
        .package(url: "https://github.com/attaswift/BigInt", exact: "6.0.1"),
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1", traits: []),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", exact: "2.1.1"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    ],
    targets: [
        // From low to high; a target imports only what stands above it.
        .target(name: "Meter", swiftSettings: librarySettings),
        .target(name: "FilterPattern", swiftSettings: librarySettings),
        .systemLibrary(
            name: "CLibdeflate", providers: [.apt(["libdeflate-dev"]), .brew(["libdeflate"])]),
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "Gzip", dependencies: ["CLibdeflate", "CZlib"], swiftSettings: librarySettings),
        .target(name: "CGlibc"),
        .target(name: "CByteMasks"),
        .target(
            name: "HTTP",
            dependencies: [
                "CGlibc", httpTypes,
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ], swiftSettings: librarySettings),
        .target(
            name: "MeterLine", dependencies: ["CByteMasks", "Meter", "Gzip", crypto], swiftSettings: librarySettings),
        .target(name: "AWS", dependencies: ["HTTP", crypto, httpTypes], swiftSettings: librarySettings),
        .target(name: "LambdaRuntime", dependencies: ["HTTP", httpTypes], swiftSettings: librarySettings),
        .target(
            name: "Delivery",
            dependencies: ["CGlibc", "Meter", "Gzip", "MeterLine", "HTTP", "AWS", crypto, httpTypes, system],
            swiftSettings: librarySettings),
        .target(
            name: "Redrive", dependencies: ["Meter", "Gzip", "MeterLine", "AWS", "Delivery"],
            swiftSettings: librarySettings),
        .target(
            name: "Collection",
            dependencies: [
                "Meter", "FilterPattern", "MeterLine", "Gzip", "AWS", "HTTP", "Delivery", crypto, system,
                .product(name: "GRDB", package: "GRDB.swift"),
            ], swiftSettings: librarySettings),
        .target(name: "Attachment", dependencies: ["AWS", "FilterPattern", "HTTP"], swiftSettings: librarySettings),
        .target(
            name: "Doctor",
            dependencies: [
                "AWS", "HTTP", "Attachment", "FilterPattern", "Meter", "MeterLine", "Delivery", "Redrive",
            ], swiftSettings: librarySettings),
        .target(name: "Aggregation", dependencies: ["Meter"], swiftSettings: librarySettings),
        .target(
            name: "Store",
            dependencies: [
                "Meter", "Aggregation", crypto, system, .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ], swiftSettings: librarySettings),
        .target(
            name: "Platform",
            dependencies: [
                "Meter", "MeterLine", "Aggregation", "Store", "Delivery", "Redrive", "AWS", "HTTP", "Gzip", crypto,
                httpTypes, system,
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ], resources: [.embedInCode("openapi.yaml")], swiftSettings: librarySettings),
        .target(
            name: "Console",
            dependencies: [
                "Meter", "FilterPattern", "MeterLine", "Aggregation", "Store", "Collection", "Redrive", "Platform",
                "AWS", "HTTP", crypto, httpTypes,
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Mustache", package: "swift-mustache"),
            ], resources: [.embedInCode("Assets"), .embedInCode("Templates"), .embedInCode("Snippets")],
            swiftSettings: librarySettings),
        .target(name: "Sample", dependencies: ["Gzip", "MeterLine"], swiftSettings: librarySettings),
        .executableTarget(
            name: "metertap",
            dependencies: [
                "AWS", "Meter", "MeterLine", "Attachment", "Doctor", "FilterPattern", "Collection", "Console",
                "Delivery", "Platform", "Redrive", "Sample", "Store", "HTTP", crypto, httpTypes, system,
                .product(name: "Yams", package: "Yams"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ], resources: [.embedInCode("Templates")], swiftSettings: librarySettings),
        .executableTarget(
            name: "metertap-lambda",
            dependencies: ["CGlibc", "Delivery", "LambdaRuntime", "AWS", "HTTP", "MeterLine", system],
            swiftSettings: librarySettings),

        // What several test targets share.
        .target(
            name: "HTTPTesting", dependencies: ["HTTP", httpTypes], path: "Tests/HTTPTesting", swiftSettings: settings),
        .target(
            name: "StoreTesting", dependencies: ["Store", "Aggregation", "Meter", "Sample"], path: "Tests/StoreTesting",
            swiftSettings: settings),
        // Signs what integration/test_signatures.py sends it, for a comparison with botocore.
        .executableTarget(
            name: "signature-probe", dependencies: ["AWS", "HTTP", httpTypes], path: "Tests/SignatureProbe",
            swiftSettings: settings),
        // Runs a collector on a clock that integration/test_collect_campaign.py sets.
        .executableTarget(
            name: "collector-probe", dependencies: ["Collection", "Delivery", "AWS", "HTTP", system],
            path: "Tests/CollectorProbe", swiftSettings: settings),
        // Evaluates what integration/test_filter_patterns.py sends it, for a comparison with a second implementation.
        .executableTarget(
            name: "filter-pattern-probe", dependencies: ["FilterPattern"], path: "Tests/FilterPatternProbe",
            swiftSettings: settings),
        // Random mutations in release: short in `make test`, long in `make soak`.
        .executableTarget(
            name: "metertap-soak", dependencies: ["Collection", "Gzip", "Meter", "MeterLine", "Sample", system],
            path: "Tests/Soak", swiftSettings: settings),
        // The readers with nothing around them: integration/test_instructions.py counts their work.
        .executableTarget(
            name: "hot-path", dependencies: ["Collection", "Delivery", "HTTP", "MeterLine", system],
            path: "Tests/HotPath",
            swiftSettings: settings),
        .testTarget(name: "MeterTests", dependencies: ["Meter"], swiftSettings: settings),
        .testTarget(
            name: "FilterPatternTests", dependencies: ["FilterPattern", "MeterLine"], swiftSettings: settings),
        .testTarget(name: "GzipTests", dependencies: ["Gzip"], swiftSettings: settings),
        .testTarget(
            name: "MeterLineTests", dependencies: ["MeterLine", "Meter", "Gzip"], swiftSettings: settings),
        .testTarget(
            name: "AggregationTests",
            dependencies: ["Aggregation", "Meter", .product(name: "BigInt", package: "BigInt")], swiftSettings: settings
        ),
        .testTarget(
            name: "CollectionTests",
            dependencies: [
                "Collection", "MeterLine", "Meter", "Gzip", "AWS", "Delivery", "HTTP", "HTTPTesting", "Sample",
                httpTypes,
            ], swiftSettings: settings),
        .testTarget(
            name: "RedriveTests", dependencies: ["Redrive", "Delivery", "MeterLine", "Meter", "Gzip"],
            swiftSettings: settings),
        .testTarget(
            name: "StoreTests",
            dependencies: [
                "Store", "StoreTesting", "Aggregation", "Meter", .product(name: "GRDB", package: "GRDB.swift"),
            ],
            resources: [.embedInCode("version-1.sql"), .embedInCode("version-3.sql")], swiftSettings: settings),
        .testTarget(
            name: "HTTPTests",
            dependencies: [
                "HTTP", "HTTPTesting", httpTypes,
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ], swiftSettings: settings),
        .testTarget(
            name: "AWSTests", dependencies: ["AWS", "HTTP", "HTTPTesting", httpTypes], swiftSettings: settings),
        .testTarget(
            name: "AttachmentTests", dependencies: ["Attachment", "AWS", "HTTP", "HTTPTesting", httpTypes],
            swiftSettings: settings),
        .testTarget(
            name: "LambdaRuntimeTests", dependencies: ["LambdaRuntime", "HTTP", "HTTPTesting", httpTypes],
            swiftSettings: settings),
        .testTarget(
            name: "DoctorTests",
            dependencies: [
                "Doctor", "AWS", "Attachment", "Delivery", "FilterPattern", "Meter", "MeterLine", "Redrive", "HTTP",
                "HTTPTesting", httpTypes,
            ], swiftSettings: settings),
        .testTarget(
            name: "DeliveryTests",
            dependencies: [
                "Delivery", "Gzip", "MeterLine", "Meter", "AWS", "HTTP", "HTTPTesting", "Sample", httpTypes,
            ],
            swiftSettings: settings),
    ],
    swiftLanguageModes: [.v6]
)
