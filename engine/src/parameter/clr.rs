//! CLR type names, as schemes write them.

use std::sync::Arc;

use super::Type;

impl Type {
    /// The type that a CLR name stands for.
    ///
    /// Takes the short form (`Int32`), the long form (`System.Int32`), the assembly-qualified form
    /// (`System.Int32, mscorlib`), the C# keyword (`int`) and every nullable form
    /// (`Int32?`, `Nullable<Int32>`, `System.Nullable<System.Int32>`, ``System.Nullable`1[[…]]``).
    /// Nullability is dropped, since `null` fits every type here. Any other name is
    /// [`Type::Json`], which takes any JSON.
    pub fn from_clr(name: &str) -> Self {
        Self::scalar(name.trim()).unwrap_or_else(|| Self::Json {
            clr: Arc::from(name.trim()),
        })
    }

    fn scalar(name: &str) -> Option<Self> {
        let name = without_nullable(name);
        // The assembly's name follows a comma: `System.String, System.Private.CoreLib, …`.
        let name = name.split(',').next().unwrap_or(name).trim();
        Some(match name.strip_prefix("System.").unwrap_or(name) {
            "String" | "string" => Self::String,
            "Int32" | "int" => Self::Int32,
            "Int64" | "long" => Self::Int64,
            "Decimal" | "decimal" => Self::Decimal,
            "Double" | "double" => Self::Double,
            "Boolean" | "bool" => Self::Boolean,
            "DateTime" => Self::DateTime,
            "Guid" => Self::Guid,
            _ => return None,
        })
    }

    /// The long CLR name, for the API's `TypeName`; for [`Type::Json`] the name as written.
    pub fn clr_name(&self) -> &str {
        match self {
            Self::String => "System.String",
            Self::Int32 => "System.Int32",
            Self::Int64 => "System.Int64",
            Self::Decimal => "System.Decimal",
            Self::Double => "System.Double",
            Self::Boolean => "System.Boolean",
            Self::DateTime => "System.DateTime",
            Self::Guid => "System.Guid",
            Self::Json { clr } => clr,
        }
    }

    /// The short name, for messages; for [`Type::Json`] the name as written.
    pub fn short_name(&self) -> &str {
        match self {
            Self::Json { clr } => clr,
            Self::String
            | Self::Int32
            | Self::Int64
            | Self::Decimal
            | Self::Double
            | Self::Boolean
            | Self::DateTime
            | Self::Guid => &self.clr_name()["System.".len()..],
        }
    }
}

/// `T` of `T?`, `Nullable<T>`, or ``Nullable`1[[T, assembly]]``; the name itself otherwise.
fn without_nullable(name: &str) -> &str {
    if let Some(inner) = name.strip_suffix('?') {
        return inner.trim_end();
    }
    let short = name.strip_prefix("System.").unwrap_or(name);
    let Some(rest) = short.strip_prefix("Nullable") else {
        return name;
    };
    let rest = rest.trim();
    let inner = rest
        .strip_prefix('<')
        .and_then(|inner| inner.strip_suffix('>'))
        .or_else(|| {
            // The form that reflection prints; the assembly of `Nullable` itself may follow.
            let inner = rest.strip_prefix("`1[")?;
            let inner = &inner[..inner.rfind(']')?];
            Some(inner.trim_matches(['[', ']']))
        });
    inner.map_or(name, str::trim)
}
