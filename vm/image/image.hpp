#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/page_tree.hpp"
#include "common/result.hpp"
#include "common/units.hpp"
#include "vm/image/format.hpp"
#include "vm/image/lower.hpp"
#include "vm/image/refusal.hpp"
#include "vm/module/module.hpp"

namespace millrace::vm {

/// Levels of the image's subtree of 2^46 bytes, whose root (`ImageRoot`) names a program on chain.
inline constexpr unsigned kImageLevels = kImageBits - kPageBits;

/// Bytes that begin at a page of the state; zero behind them.
struct ImagePart {
    Address base = 0;
    Bytes bytes;
};

/// A program ready to run: everything below `kImageBase`, immutable, shared by all its runs.
struct Image {
    ImageRoot root;
    std::vector<std::uint64_t> code;
    /// Header, functions, segments, then globals and tables; sorted by base, not overlapping.
    std::vector<ImagePart> parts;
    /// Pages of the first memory that are not zero, by index within the memory.
    std::map<std::uint64_t, std::unique_ptr<std::array<std::uint8_t, kPageSize>>> memory;
    std::vector<FunctionRecord> functions;
    std::uint64_t memory_pages = 0;      ///< in 64 KiB
    std::uint64_t memory_pages_max = 0;  ///< what the module allows
    std::uint32_t global_count = 0;
    std::vector<std::uint64_t> table_sizes;
    std::optional<std::uint32_t> entry;
    std::vector<std::uint32_t> host_numbers;  ///< of imported functions
    /// Place (from the start of the state) and hash of every page that is not zero, ascending.
    std::vector<Subtree> leaves;

    /// The code as the bytes that lie at `kCodeBase`.
    [[nodiscard]] ByteView code_bytes() const;
    /// Bytes of one page of the image's subtree; shorter or empty where it ends in zeroes.
    [[nodiscard]] ByteView page(std::uint64_t page_index) const;
    /// Bytes in pages that the image spans: each part from its first page to its last byte, pages
    /// of zeroes between included since they are held in memory too, and the pages of the memory
    /// that data segments touch.
    [[nodiscard]] std::uint64_t size() const;
};

/// How to build; the default is what the chain does.
struct ImageOptions {
    /// For tests only: any import is accepted and numbered in order, `_start` is not needed, active
    /// segments are left to the harness, and no root is made.
    bool for_harness = false;
    std::uint64_t function_reference_base = 0;
    /// Values of imported globals, for tests only.
    std::vector<std::uint64_t> imported_globals;
};

/// Module to image: lowers the code, lays out tables, applies active segments in order, and makes
/// the root. Deterministic; linear in time and memory.
/// Refuses: every `ImageRefusal`. Source: docs/protocol/image.md.
[[nodiscard]] Result<Image, ImageError> make_image(const ValidModule& module,
                                                   const ImageOptions& options = {});

/// A constant expression's value; references are function index + 1 (+ base), null is 0.
[[nodiscard]] std::uint64_t constant_value(const ConstExpr& expression, const ImageOptions& options,
                                           std::uint32_t imported_globals);

}  // namespace millrace::vm
