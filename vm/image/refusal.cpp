#include "vm/image/refusal.hpp"

namespace millrace::vm {

std::string_view refusal_text(ImageRefusal refusal) {
    switch (refusal) {
        case ImageRefusal::too_many_slots:
            return "a function's locals and operands need more than 65,535 slots";
        case ImageRefusal::path_too_long:
            return "a function can use more than 2^24 gas without going round a loop";
        case ImageRefusal::image_too_large:
            return "the image would be larger than ten times the module";
        case ImageRefusal::too_many_tables:
            return "the module has more than 1,024 tables";
        case ImageRefusal::unknown_import:
            return "the module imports what wasi_snapshot_preview1 does not have";
        case ImageRefusal::import_signature:
            return "a WASI function is imported with other parameters or results than it has";
        case ImageRefusal::no_entry:
            return "the module exports no function _start (build a command, not a library)";
        case ImageRefusal::entry_signature:
            return "_start takes parameters or gives results";
        case ImageRefusal::data_out_of_bounds:
            return "an active data segment lies outside the memory, so every run would trap";
        case ImageRefusal::element_out_of_bounds:
            return "an active element segment lies outside its table, so every run would trap";
        case ImageRefusal::table_too_large:
            return "a table begins with more entries than a table may have";
        case ImageRefusal::too_many_imports:
            return "the module imports more than 1,024 functions";
    }
    return "?";
}

std::string ImageError::sentence() const {
    std::string out{refusal_text(refusal)};
    if (!detail.empty()) {
        out += ": ";
        out += detail;
    }
    return out;
}

}  // namespace millrace::vm
