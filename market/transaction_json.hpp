#pragma once

#include "common/describe_schema.hpp"
#include "market/transaction.hpp"

/// A transaction's JSON form and schema, compiled once: whoever shows or reads one includes this.
namespace millrace {

extern template boost::json::value json_detail::write<market::TxBody>(const market::TxBody&,
                                                                      const JsonStyle&);
extern template bool json_detail::read<market::TxBody>(const boost::json::value&, market::TxBody&,
                                                       json_detail::Reader&);
extern template boost::json::object json_schema<market::TxBody>();

}  // namespace millrace
