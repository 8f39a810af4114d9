#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::vm {

/// Why a valid module makes no image. Numbered for ever; never reused.
/// Source: docs/protocol/image.md, "Refusals".
enum class ImageRefusal : std::uint8_t {
    too_many_slots = 1,          ///< a function's locals and operands pass 65,535 slots
    path_too_long = 2,           ///< an acyclic path of a function passes 2^24 gas
    image_too_large = 3,         ///< pages of the image pass ten times the module
    too_many_tables = 4,         ///< above kImageTablesMax
    unknown_import = 5,          ///< something that wasi_snapshot_preview1 does not have
    import_signature = 6,        ///< a WASI function with other parameters or results
    no_entry = 7,                ///< no exported function `_start`
    entry_signature = 8,         ///< `_start` takes or gives something
    data_out_of_bounds = 9,      ///< an active data segment would always trap
    element_out_of_bounds = 10,  ///< an active element segment would always trap
    table_too_large = 11,        ///< a table starts with more entries than the protocol allows
    too_many_imports = 12,       ///< imported functions pass kHeaderImportsMax
};

[[nodiscard]] std::string_view refusal_text(ImageRefusal refusal);

struct ImageError {
    ImageRefusal refusal = ImageRefusal::image_too_large;
    std::string detail;  ///< which function, segment or import; may be empty

    /// One sentence for people.
    [[nodiscard]] std::string sentence() const;
};

}  // namespace millrace::vm
