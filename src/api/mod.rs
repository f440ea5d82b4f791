//! JSON bodies of API version 1. A contract: a change is a new field or a new version.
